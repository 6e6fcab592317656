import { expect, test } from 'vitest';
import { parseGuestConfig } from './guest-config.js';
import { formatIdRange, idMap, isUnprivileged } from './id-map.js';

function ranges(text: string): readonly string[] {
  return idMap(parseGuestConfig(text, 'lxc')).map(formatIdRange);
}

test('an unprivileged container has 65536 ids from 100000', () => {
  expect(ranges('unprivileged: 1\n')).toEqual(['u:0:100000:65536', 'g:0:100000:65536']);
});

test('a privileged one has those of the host', () => {
  expect(ranges('unprivileged: 0\n')).toEqual([]);
  expect(ranges('hostname: x\n')).toEqual([]);
});

test('its own lines count, in their order, whatever it is', () => {
  const lines = 'lxc.idmap: u 0 100000 1000\nlxc.idmap = g\t0 100000  65536\nlxc.idmap: u 1000 1000 1\n';
  const expected = ['u:0:100000:1000', 'g:0:100000:65536', 'u:1000:1000:1'];
  expect(ranges(lines)).toEqual(expected);
  expect(ranges(`unprivileged: 1\n${lines}`)).toEqual(expected);
  expect(ranges(`[snap]\n${lines}`)).toEqual([]);
});

test('numbers', () => {
  expect(idMap(parseGuestConfig('lxc.idmap: g 0 0 4294967296\n', 'lxc'))).toEqual([
    { kind: 'g', container: 0, host: 0, count: 4294967296 },
  ]);
});

test.each([
  '',
  'x 0 0 1',
  'u 0 0',
  'u 0 0 0',
  'u 0 0 1 1',
  'u 0 -1 1',
  'u 1 0 4294967296',
  'u 0 9999999999 1',
  'b 0 0 1',
])('lxc.idmap: %s is refused', (value) => {
  expect(() => ranges(`lxc.idmap: ${value}\n`)).toThrow(
    expect.objectContaining({ code: 'CONFIG_VALUE', entry: 'lxc.idmap' }),
  );
});

test('what cannot be read is not guessed', () => {
  expect(() => isUnprivileged(parseGuestConfig('unprivileged: maybe\n', 'lxc'))).toThrow(
    expect.objectContaining({ code: 'CONFIG_VALUE' }),
  );
});
