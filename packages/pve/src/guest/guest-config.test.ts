import { bytesToPath, pathToBytes } from '@vzdump-format/posix';
import type { ArchiveWarning } from '@vzdump-format/streams';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyConfigText } from '../testing/config-text.js';
import {
  configValue,
  configValues,
  currentOnly,
  decodeText,
  encodeText,
  formatGuestConfig,
  type GuestType,
  guestDescription,
  parseGuestConfig,
  parseLine,
  rawLxcLines,
  sectionValue,
  withDescription,
  withoutKeys,
  withValue,
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
