import { bytesToPath, pathToBytes } from '@vzdump-format/posix';
import type { ArchiveWarning } from '@vzdump-format/streams';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyConfigText } from '../testing/config-text.js';
import {
  configValue,
  configValues,
  formatGuestConfig,
  type GuestType,
  parseGuestConfig,
  parseLine,
  rawLxcLines,
  sectionValue,
} from './guest-config.js';

const QEMU = `#Web server
#
#It serves%3A all.
boot: order=scsi0
cores:2
name:   web\t
x-own_key1: kept

[PENDING]
delete: cores

[special:fleecing]
fleecing-images: local:100/a.raw

[Before_1]
#A snapshot.
cores: 1
snapstate: prepare
`;

const LXC = `arch: amd64
lxc.idmap: u 0 100000 1000
lxc.idmap = g 0 100000 1000
lxc.environment =
hostname: db
[PVE:Pending]
memory: 1024
[pending]
memory: 2048
`;

function outline(text: string, type: GuestType) {
  const { sections } = parseGuestConfig(text, type);
  return sections.map(({ kind, name, lines }) => [kind, name, lines.map((line) => line.kind).join(' ')]);
}

describe('the grammar', () => {
  test('of a virtual machine', () => {
    expect(outline(QEMU, 'qemu')).toEqual([
      ['current', '', 'comment comment comment property property property property blank'],
      ['pending', '', 'property blank'],
      ['special', 'fleecing', 'property blank'],
      ['snapshot', 'Before_1', 'comment property property'],
    ]);
    const config = parseGuestConfig(QEMU, 'qemu');
    expect(Object.fromEntries(configValues(config))).toEqual({
      boot: 'order=scsi0',
      cores: '2',
      name: 'web',
      'x-own_key1': 'kept',
    });
    expect(sectionValue(config.sections[1]!, 'delete')).toBe('cores');
    expect(sectionValue(config.sections[3]!, 'cores')).toBe('1');
  });

  test('of a container', () => {
    expect(outline(LXC, 'lxc')).toEqual([
      ['current', '', 'property raw raw raw property'],
      ['pending', '', 'property'],
      ['snapshot', 'pending', 'property'],
    ]);
    expect(rawLxcLines(parseGuestConfig(LXC, 'lxc'))).toEqual([
      ['lxc.idmap', 'u 0 100000 1000'],
      ['lxc.idmap', 'g 0 100000 1000'],
      ['lxc.environment', ''],
    ]);
  });

  test('of two values of a key, the last one counts', () => {
    const config = parseGuestConfig('cores: 1\nname: a\ncores: 2\n[snap]\ncores: 3\n', 'qemu');
    expect(configValue(config, 'cores')).toBe('2');
    expect(configValues(config).get('cores')).toBe('2');
    expect(configValue(config, 'memory')).toBeUndefined();
  });

  test.each([
    ['Cores: 2', 'qemu', 'unknown'],
    [' cores: 2', 'qemu', 'unknown'],
    ['cores 2', 'qemu', 'unknown'],
    ['cores:', 'qemu', 'unknown'],
    ['cores: ', 'qemu', 'unknown'],
    [': 2', 'qemu', 'unknown'],
    ['2cores: 2', 'qemu', 'unknown'],
    ['co2res: 2', 'qemu', 'unknown'],
    ['amd-sev: 1', 'qemu', 'property'],
    ['amd-sev: 1', 'lxc', 'unknown'],
    ['lxc.idmap: u', 'qemu', 'unknown'],
    ['lxc.cap.drop : x', 'lxc', 'unknown'],
    ['lxc.cap.drop  =x', 'lxc', 'raw'],
    ['lxc.Cap: x', 'lxc', 'unknown'],
    [' # no comment', 'qemu', 'unknown'],
    ['#', 'qemu', 'comment'],
    [' \t\r\f\v', 'qemu', 'blank'],
    ['cores: \u00a0', 'qemu', 'property'],
    ['\ufeffcores: 2', 'qemu', 'unknown'],
    ['a: b: c', 'qemu', 'property'],
  ] as const)('%j of %s is %s', (text, type, kind) => {
    expect(parseLine(text, type).kind).toBe(kind);
  });

  test.each([
    ['[a]', 'qemu', 'unknown'],
    ['[1st]', 'qemu', 'unknown'],
    ['[2024-05-01]', 'qemu', 'unknown'],
    ['[pre.update]', 'qemu', 'unknown'],
    ['[two words]', 'qemu', 'unknown'],
    ['[]', 'qemu', 'unknown'],
    ['[a]b]', 'qemu', 'unknown'],
    ['[a]', 'lxc', undefined],
    ['[open', 'qemu', undefined],
    [' [snap]', 'qemu', undefined],
    ['[snap] x', 'qemu', undefined],
    ['[snap]  ', 'qemu', 'snapshot'],
    ['[pending]', 'qemu', 'pending'],
    ['[pve:pending]', 'qemu', 'unknown'],
    ['[special:x]', 'lxc', undefined],
    ['[special:]', 'qemu', 'unknown'],
    ['[SPECIAL:cloudinit]', 'qemu', 'special'],
  ] as const)('the header %j of %s begins %s', (header, type, kind) => {
    expect(parseGuestConfig(`${header}\n`, type).sections[1]?.kind).toBe(kind);
  });

  test('carriage returns are no part of a value', () => {
    const config = parseGuestConfig('cores: 2\r\n[snap]\r\ncores: 1\r\n', 'qemu');
    expect(configValue(config, 'cores')).toBe('2');
    expect(sectionValue(config.sections[1]!, 'cores')).toBe('1');
  });

  test('what is not understood is told, in one line', () => {
    const warnings: ArchiveWarning[] = [];
    const text = 'cores: 2\nno\x1b[31mnsense\r\n[snap]\nworse';
    parseGuestConfig(text, 'qemu', { file: '/pve/100.conf', onWarning: (warning) => warnings.push(warning) });
    expect(warnings).toEqual([
      {
        code: 'CONFIG_LINE',
        entry: '/pve/100.conf',
        message: '/pve/100.conf, line 2: unable to parse config: no\\x1b[31mnsense',
      },
      {
        code: 'CONFIG_LINE',
        entry: '/pve/100.conf',
        message: '/pve/100.conf, line 4: unable to parse config: worse',
      },
    ]);
  });
});

test('an unknown section of a virtual machine is told of, once, and says nothing of the current one', () => {
  const warnings: ArchiveWarning[] = [];
  const config = parseGuestConfig('cores: 1\n[two words]\ncores: 2\nnonsense\n[snap]\ncores: 3\n', 'qemu', {
    onWarning: (warning) => warnings.push(warning),
  });
  expect(configValue(config, 'cores')).toBe('1');
  expect(config.sections.map(({ kind, name }) => [kind, name])).toEqual([
    ['current', ''],
    ['unknown', 'two words'],
    ['snapshot', 'snap'],
  ]);
  expect(warnings.map(({ message }) => message)).toEqual(['line 2: skipping unknown section: [two words]']);
});

describe('what is not changed is written back as it was', () => {
  const types = ['qemu', 'lxc'] as const;

  test.each(['', '\n', 'a', 'a: b', '\r\n', '[snap]', '[snap]\n[snap]\n', QEMU, LXC])('%j', (text) => {
    for (const type of types) expect(formatGuestConfig(parseGuestConfig(text, type))).toBe(text);
  });

  test('whatever it is', () => {
    fc.assert(
      fc.property(anyConfigText, fc.constantFrom(...types), (text, type) => {
        expect(formatGuestConfig(parseGuestConfig(text, type))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('bytes that are not text too', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const config = parseGuestConfig(bytesToPath(bytes), 'qemu');
        expect(Buffer.from(bytes)).toEqual(pathToBytes(formatGuestConfig(config)));
      }),
    );
  });
});

describe('hostile text', () => {
  const million = 1 << 20;

  test.each([
    ['one letter', 'a'.repeat(million)],
    ['blanks within a value', `a: x${' '.repeat(million)}y`],
    ['blanks after a key for LXC', `lxc.a${' '.repeat(million)}x`],
    ['a key that does not end', `${'a1'.repeat(million / 2)}:`],
    ['brackets', '['.repeat(million)],
    ['line feeds', '\n'.repeat(million / 4)],
    ['headers', '[snap]\n'.repeat(million / 32)],
    ['NUL', '\0'.repeat(million)],
  ])('%s, a lot of it, takes one pass', (_name, text) => {
    for (const type of ['qemu', 'lxc'] as const) {
      expect(formatGuestConfig(parseGuestConfig(text, type)) === text).toBe(true);
    }
  });

  test('names that objects have are keys as others', () => {
    const config = parseGuestConfig('constructor: 1\n', 'qemu');
    expect(configValue(config, 'constructor')).toBe('1');
    expect(configValue(config, 'valueof')).toBeUndefined();
  });
});
