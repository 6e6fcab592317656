import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyConfigText } from '../testing/config-text.js';
import {
  currentOnly,
  decodeText,
  encodeText,
  guestDescription,
  withDescription,
  withoutKeys,
  withValue,
} from './edit-guest-config.js';
import { configValue, configValues, formatGuestConfig, parseGuestConfig } from './guest-config.js';

function set(text: string, key: string, value: string): string {
  return formatGuestConfig(withValue(parseGuestConfig(text, 'qemu'), key, value));
}

describe('withValue', () => {
  test.each([
    ['replaces in place', 'a: 1\nlock:x\nz: 1\n', 'a: 1\nlock: backup\nz: 1\n'],
    ['replaces the one that counts', 'lock: x\nlock: y\n', 'lock: x\nlock: backup\n'],
    ['keeps the end of the line', 'lock: x\r\na: 1\r\n', 'lock: backup\r\na: 1\r\n'],
    ['keeps the missing end', 'lock: x', 'lock: backup'],
    ['adds in the order of the alphabet', 'a: 1\nz: 1\n', 'a: 1\nlock: backup\nz: 1\n'],
    ['adds at the end', 'a: 1\n', 'a: 1\nlock: backup\n'],
    ['adds behind a line that did not end', 'a: 1', 'a: 1\nlock: backup\n'],
    [
      'adds before the blank line of a section',
      'a: 1\n\n[snap]\nlock: x\n',
      'a: 1\nlock: backup\n\n[snap]\nlock: x\n',
    ],
    ['adds to nothing', '', 'lock: backup\n'],
    ['adds behind the description', '#x\n', '#x\nlock: backup\n'],
    ['adds before the first section', '[snap]\n', 'lock: backup\n[snap]\n'],
  ])('%s', (_name, text, result) => {
    expect(set(text, 'lock', 'backup')).toBe(result);
  });

  test.each([
    ['lock', ''],
    ['lock', ' x'],
    ['lock', 'x\n[snap]'],
    ['lock', 'x\nmemory: 1'],
    ['lock', 'x\rmemory: 1'],
    ['lock', 'x\0'],
    ['env', 'A=1\0B=2'],
    ['Lock', 'x'],
    ['', 'x'],
    ['a b', 'x'],
    ['lock: x\nname', 'x'],
  ])('refuses %j: %j', (key, value) => {
    expect(() => set('a: 1\n', key, value)).toThrow(expect.objectContaining({ code: 'CONFIG_VALUE' }));
  });

  test("takes NUL between the variables of a container's environment", () => {
    const config = parseGuestConfig('', 'lxc');
    expect(formatGuestConfig(withValue(config, 'env', 'A=1\0B=2'))).toBe('env: A=1\0B=2\n');
    expect(() => withValue(config, 'env', 'A=1\rB=2')).toThrow(
      expect.objectContaining({ code: 'CONFIG_VALUE' }),
    );
  });

  test('changes nothing else, whatever there is', () => {
    fc.assert(
      fc.property(
        anyConfigText,
        fc.constantFrom('cores', 'lock', 'zzz'),
        fc.constantFrom('1', 'a,b=c'),
        (text, key, value) => {
          const before = parseGuestConfig(text, 'qemu');
          const after = parseGuestConfig(formatGuestConfig(withValue(before, key, value)), 'qemu');
          expect(configValue(after, key)).toBe(value);
          expect(new Map([...configValues(after), [key, '']])).toEqual(
            new Map([...configValues(before), [key, '']]),
          );
          const others = (config: typeof before) =>
            formatGuestConfig(config)
              .split('\n')
              .filter((line) => !line.startsWith(`${key}:`));
          expect(others(after).join('\n').trimEnd()).toBe(others(before).join('\n').trimEnd());
          expect(after.sections.slice(1)).toEqual(before.sections.slice(1));
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('withoutKeys drops lines of the current section alone', () => {
  const text = '#lock\nlock: a\nname: b\nlock: c\nlock\n[snap]\nlock: d\n';
  const result = withoutKeys(parseGuestConfig(text, 'qemu'), (key) => key === 'lock');
  expect(formatGuestConfig(result)).toBe('#lock\nname: b\nlock\n[snap]\nlock: d\n');
});

test('currentOnly drops the other sections', () => {
  const config = parseGuestConfig('a: 1\n\n[PENDING]\na: 2\n[snap]\na: 3\n', 'qemu');
  expect(formatGuestConfig(currentOnly(config))).toBe('a: 1\n');
  expect(formatGuestConfig(currentOnly(parseGuestConfig('a: 1\n\n', 'qemu')))).toBe('a: 1\n\n');
});

function description(text: string): string | undefined {
  return guestDescription(parseGuestConfig(text, 'lxc'));
}

test('a description is the comments of the current section, decoded', () => {
  expect(description('#a%3A b\n#\n# Gr%C3%BC%C3%9Fe\narch: x\n#last\n[snap]\n#other\n')).toBe(
    'a: b\n\n Grüße\nlast\n',
  );
});

test('a description is the value of the key in older files', () => {
  expect(description('description: a%0Ab\n')).toBe('a\nb');
  expect(description('#x\ndescription: y\n')).toBe('x\n');
  expect(description('arch: x\n')).toBeUndefined();
});

test('a description is replaced', () => {
  const config = parseGuestConfig('#old\narch: x\n#older\ndescription: y\n[snap]\n#other\n', 'lxc');
  expect(formatGuestConfig(withDescription(config, 'a: ü\n\nb\n'))).toBe(
    '#a%3A %C3%BC\n#\n#b\narch: x\n[snap]\n#other\n',
  );
  for (const nothing of ['', '\n\n']) {
    expect(formatGuestConfig(withDescription(config, nothing))).toBe('arch: x\n[snap]\n#other\n');
  }
});

test('a description that is set is read', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const config = withDescription(parseGuestConfig('arch: x\n', 'lxc'), text);
      const read = guestDescription(parseGuestConfig(formatGuestConfig(config), 'lxc'));
      const content = text.replace(/\n*$/, '');
      expect(read).toBe(content === '' ? undefined : `${content}\n`);
    }),
  );
});

describe('the encoding of a description', () => {
  test.each([
    ['a:b%', 'a%3Ab%25'],
    ['\t\x7f', '%09%7F'],
    ['€', '%E2%82%AC'],
    ['😀', '%F0%9F%98%80'],
    ['\udcff', '%FF'],
  ])('%j', (text, encoded) => {
    expect(encodeText(text)).toBe(encoded);
    expect(decodeText(encoded)).toBe(text);
  });

  test.each(['%', '%4', '%zz', 'a%'])('%j is no escape, and stays', (text) => {
    expect(decodeText(text)).toBe(text);
  });
});
