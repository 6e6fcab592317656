import type { ArchiveWarning } from '@vzdump-format/streams';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatPropertyString,
  formatSize,
  parseBoolean,
  parsePropertiesOf,
  parsePropertyString,
  parseSections,
  parseSize,
  replaceProperty,
} from './config-syntax.js';

function parse(text: string) {
  const warnings: ArchiveWarning[] = [];
  const sections = parseSections(text, {
    file: 'storage.cfg',
    onWarning: (warning) => warnings.push(warning),
  });
  return {
    sections: sections.map(({ type, id, properties }) => [type, id, Object.fromEntries(properties)]),
    warnings: warnings.map(({ message }) => message),
  };
}

describe('parseSections', () => {
  test('reads keys with values, and without', () => {
    expect(parse('dir: a\n\tpath /a b \n  \t# comment\n disable\n\tcontent   x,y\n\n#c\nnfs:b\n')).toEqual({
      sections: [
        ['dir', 'a', { path: '/a b', disable: '', content: 'x,y' }],
        ['nfs', 'b', {}],
      ],
      warnings: [],
    });
  });

  test('an empty line ends a section', () => {
    expect(parse('dir: a\n\tpath /a\n\n\tcontent x\n')).toEqual({
      sections: [['dir', 'a', { path: '/a' }]],
      warnings: ['storage.cfg, line 4: ignore config line: \\x09content x'],
    });
  });

  test.each([' ', '\t', ' \t ', '\v\f', ' \r'])('a line of blanks, %j, does not', (blanks) => {
    expect(parse(`dir: a\n\tpath /a\n${blanks}\n\tcontent x\n`)).toEqual({
      sections: [['dir', 'a', { path: '/a', content: 'x' }]],
      warnings: [],
    });
  });

  test('of two values, the first counts', () => {
    expect(parse('dir: a\n\tpath /a\n\tpath /b\n')).toEqual({
      sections: [['dir', 'a', { path: '/a' }]],
      warnings: ['storage.cfg, line 3: given twice, the first one counts: \\x09path /b'],
    });
  });

  test('a section that no empty line stands before is read, and told of', () => {
    expect(parse('dir: a\ndir: b\n\tpath /b\n')).toEqual({
      sections: [
        ['dir', 'a', {}],
        ['dir', 'b', { path: '/b' }],
      ],
      warnings: [
        'storage.cfg, line 2: no empty line before the section, which Proxmox VE needs to see it: dir: b',
      ],
    });
  });

  test.each(['dir a', 'dir:', ': a', 'dir: a b', '\tpath /x', 'dir: a\npath /x', '\0'])(
    '%j is told of',
    (text) => {
      expect(parse(text).warnings).toHaveLength(1);
    },
  );

  test('carriage returns do not count', () => {
    expect(parse('dir: a\r\n\tpath /a\r\n\r\ndir: b\r\n')).toEqual({
      sections: [
        ['dir', 'a', { path: '/a' }],
        ['dir', 'b', {}],
      ],
      warnings: [],
    });
  });

  test.each([
    `a:${' '.repeat(1 << 20)}b c`,
    `a: b\n\tk${' '.repeat(1 << 20)}`,
    'a'.repeat(1 << 20),
    `a: b\n\t${'k'.repeat(1 << 20)}`,
  ])('a lot of it takes one pass (%.8j)', (text) => {
    expect(parse(text).sections.length).toBeLessThan(2);
  });
});

function parsed(text: string, defaultKey?: string): unknown {
  return Object.fromEntries(parsePropertyString(text, defaultKey));
}

describe('parsePropertyString', () => {
  test.each([
    ['local:100/vm-100-disk-0.raw,size=32G', { file: 'local:100/vm-100-disk-0.raw', size: '32G' }],
    ['size=32G,local:1/a.raw', { size: '32G', file: 'local:1/a.raw' }],
    ['file=local:1/a.raw', { file: 'local:1/a.raw' }],
    [',,size=1G, ,', { size: '1G' }],
    ['', {}],
    ['base=a=b==', { base: 'a=b==' }],
    ['a="b"', { a: '"b"' }],
    ['__proto__=1', JSON.parse('{"__proto__":"1"}')],
  ])('%j', (text, properties) => {
    expect(parsed(text, 'file')).toEqual(properties);
  });

  test.each([
    ['a=1,a=2', 'file', 'duplicate key in comma-separated list property: a'],
    ['x,y', 'file', 'duplicate key in comma-separated list property: file'],
    ['file=x,y', 'file', 'duplicate key in comma-separated list property: file'],
    ['x', undefined, 'value without key, but schema does not define a default key'],
    ['=x', 'file', 'missing key in comma-separated list property'],
    ['x=', 'file', 'missing key in comma-separated list property'],
  ])('%j is refused', (text, defaultKey, message) => {
    expect(() => parsePropertyString(text, defaultKey)).toThrow(
      expect.objectContaining({ code: 'PROPERTY_STRING', message }),
    );
  });

  test('what is refused in a configuration names the key there', () => {
    expect(() => parsePropertiesOf('scsi0', 'a=')).toThrow(
      expect.objectContaining({
        code: 'CONFIG_VALUE',
        entry: 'scsi0',
        message: 'scsi0 cannot be read: missing key in comma-separated list property',
      }),
    );
  });
});

describe('formatPropertyString', () => {
  test('puts the default key first and bare, and sorts the rest', () => {
    const properties = new Map([
      ['size', '1G'],
      ['backup', '0'],
      ['file', 'local:1/a.raw'],
    ]);
    expect(formatPropertyString(properties, 'file')).toBe('local:1/a.raw,backup=0,size=1G');
    expect(formatPropertyString(properties)).toBe('backup=0,file=local:1/a.raw,size=1G');
  });

  const key = fc.string({ minLength: 1 }).filter((text) => !/[,=\n]/.test(text) && text.trim() !== '');
  const value = fc.string({ minLength: 1 }).filter((text) => !/[,\n]/.test(text));
  const properties = fc.array(fc.tuple(key, value)).map((entries) => new Map(entries));

  test('is the inverse of parsePropertyString', () => {
    fc.assert(
      fc.property(properties, (each) => {
        expect(new Map(parsePropertyString(formatPropertyString(each)))).toEqual(each);
      }),
    );
  });

  test('is the inverse with a default key too', () => {
    const bare = fc.string({ minLength: 1 }).filter((text) => !/[,=\n]/.test(text) && text.trim() !== '');
    fc.assert(
      fc.property(properties, bare, (others, first) => {
        const each = new Map([...others, ['file', first]]);
        expect(new Map(parsePropertyString(formatPropertyString(each, 'file'), 'file'))).toEqual(each);
      }),
    );
  });

  test.each([
    ['a', 'b,c'],
    ['a', ''],
    ['a', 'b\nc'],
    ['a=b', 'c'],
    ['', 'c'],
    ['file', 'a=b'],
    ['file', ' '],
  ])('refuses %j=%j, which would not be read back', (each, text) => {
    expect(() => formatPropertyString(new Map([[each, text]]), 'file')).toThrow(
      expect.objectContaining({ code: 'PROPERTY_STRING' }),
    );
  });
});

describe('replaceProperty', () => {
  test.each([
    ['virtio=AA,bridge=vmbr0', 'virtio', 'virtio=BB,bridge=vmbr0'],
    ['bridge=vmbr0,virtio=AA,', 'virtio', 'bridge=vmbr0,virtio=BB,'],
    ['virtio,bridge=vmbr0', 'macaddr', 'virtio,bridge=vmbr0,macaddr=BB'],
    ['virtio,bridge=vmbr0', 'model', 'BB,bridge=vmbr0'],
    ['', 'uuid', 'uuid=BB'],
    [' ,a=1', 'a', ' ,a=BB'],
  ])('%j, %s', (text, key, result) => {
    expect(replaceProperty(text, key, 'BB', 'model')).toBe(result);
  });

  test('refuses a value that would be two', () => {
    expect(() => replaceProperty('a=1', 'a', 'x,b=1')).toThrow(
      expect.objectContaining({ code: 'PROPERTY_STRING' }),
    );
  });
});

test('parseBoolean', () => {
  for (const text of ['1', 'on', 'yes', 'true', 'ON', 'True']) expect(parseBoolean(text)).toBe(true);
  for (const text of ['0', 'off', 'no', 'false', 'OFF']) expect(parseBoolean(text)).toBe(false);
  for (const text of ['', '2', 'y', 'enabled', ' 1']) expect(parseBoolean(text)).toBeUndefined();
});

test.each([
  ['32G', 34359738368],
  ['528K', 540672],
  ['4M', 4194304],
  ['4194304', 4194304],
  ['1.5T', 1649267441664],
  ['0.1K', 102],
  ['0T', 0],
  ['8191T', 9006099743113216],
])('%s', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', 'G', '-1G', '1g', '1 G', '1GB', '1P', '.5G', '1.G', '1e3', '8192T', '9'.repeat(20), '1G\n'])(
  '%j is none',
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);

test.each([
  [34359738368, '32G'],
  [540672, '528K'],
  [4194304, '4M'],
  [1023, '1023'],
  [1025, '1025'],
  [1536 * 1024 ** 3, '1536G'],
  [2 ** 50, '1024T'],
  [0, '0T'],
])('%d → %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test('what is written is read back', () => {
  const blocks = fc.nat(1 << 20).map((count) => count * 2 ** 30);
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), blocks), (bytes) => {
      expect(parseSize(formatSize(bytes))).toBe(bytes);
    }),
  );
});
