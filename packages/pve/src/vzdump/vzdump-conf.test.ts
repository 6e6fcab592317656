import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { scratch } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseVzdumpConf, readVzdumpConf, splitShellWords } from './vzdump-conf.js';

function parse(text: string, file?: string) {
  const warnings: ArchiveWarning[] = [];
  const options = parseVzdumpConf(text, { file, onWarning: (warning) => warnings.push(warning) });
  return { options, warnings };
}

describe('parseVzdumpConf', () => {
  test('reads lines of keys and values', () => {
    const text = `# vzdump default settings
   # indented

tmpdir: /var/tmp
  storage:  backup\t
mode:stop\r
bwlimit: 10240
stdexcludes: Off
exclude-path: "/a b" /c
exclude-path: *.bak '/d e'
performance: max-workers=4
script: /usr/local/bin/hook arg # no comment
prune-backups: keep-last=3,keep-weekly=2
notes-template: {{guestname}}: {{node}}
`;
    expect(parse(text)).toEqual({
      options: {
        tmpdir: '/var/tmp',
        storage: 'backup',
        mode: 'stop',
        bwlimit: 10240,
        stdexcludes: false,
        'exclude-path': ['/a b', '/c', '*.bak', '/d e'],
        performance: new Map([['max-workers', '4']]),
        script: '/usr/local/bin/hook arg # no comment',
        'prune-backups': { last: 3, weekly: 2 },
        'notes-template': '{{guestname}}: {{node}}',
      },
      warnings: [],
    });
  });

  test('of a key given twice, the last value counts', () => {
    expect(parse('ionice: 3\nionice: 4\n').options).toEqual({ ionice: 4 });
    expect(parse('ionice: 3\nionice: 9\n')).toEqual({
      options: {},
      warnings: [expect.objectContaining({ code: 'VZDUMP_CONF_VALUE' })],
    });
    expect(parse('ionice: 9\nionice: 4\n')).toEqual({ options: { ionice: 4 }, warnings: [] });
  });

  test.each(['no colon', 'a b: c', '"quoted": 1'.replace(':', ' :'), '='])('ignores %j', (line) => {
    expect(parse(`${line}\nionice: 3\n`)).toEqual({
      options: { ionice: 3 },
      warnings: [
        { code: 'VZDUMP_CONF_LINE', message: `ignore config line: ${line}`, entry: '/etc/vzdump.conf' },
      ],
    });
  });

  test.each([
    ['ionice: 9', 'ionice', 'value must have a maximum value of 8'],
    ['bwlimit: fast', 'bwlimit', "type check ('integer') failed - got 'fast'"],
    ['lockwait: -1', 'lockwait', 'value must have a minimum value of 0'],
    ['quiet: perhaps', 'quiet', "type check ('boolean') failed - got 'perhaps'"],
    [
      'prune-backups: keep-most=1',
      'prune-backups',
      'keep-most: property is not defined in schema and the schema does not allow additional properties',
    ],
    ['exclude-path: "/a', 'exclude-path', `a quote is not closed in '"/a'`],
  ])('drops %j', (line, key, why) => {
    expect(parse(`${line}\nremove: 1\n`, '/x/vzdump.conf')).toEqual({
      options: { remove: true },
      warnings: [
        {
          code: 'VZDUMP_CONF_VALUE',
          message: `parse error in '/x/vzdump.conf' - '${key}': ${why}`,
          entry: '/x/vzdump.conf',
        },
      ],
    });
  });

  test.each(['storage:', 'ionice: '])('%j means nothing, and is not told of', (line) => {
    expect(parse(`${line}\n`)).toEqual({ options: {}, warnings: [] });
  });

  test.each([
    ['unknown', 'is not known'],
    ['prune-backup', 'is not known'],
    ['constructor', 'is not known'],
    ['__proto__', 'is not known'],
    [':', 'is not known'],
    ['all', 'counts on the command line only'],
    ['exclude', 'counts on the command line only'],
    ['node', 'counts on the command line only'],
    ['stdout', 'counts on the command line only'],
    ['stop', 'counts on the command line only'],
  ])('the key %j means nothing, and is told of once', (key, why) => {
    expect(parse(`${key}: 1\n${key}: 2\n`)).toEqual({
      options: {},
      warnings: [
        {
          code: 'VZDUMP_CONF_KEY',
          message: `'${key}' in '/etc/vzdump.conf' has no effect: it ${why}`,
          entry: '/etc/vzdump.conf',
        },
      ],
    });
  });

  test('takes pool, maxfiles and a list of mailto', () => {
    expect(parse('mailto: root, a@example.org;b\npool: web\nmaxfiles: 0\n')).toEqual({
      options: { mailto: ['root', 'a@example.org', 'b'], pool: 'web', maxfiles: 0 },
      warnings: [],
    });
  });

  test('of storage and dumpdir, storage counts', () => {
    expect(parse('dumpdir: /x\nstorage: local\n')).toEqual({
      options: { storage: 'local' },
      warnings: [expect.objectContaining({ code: 'VZDUMP_CONF_VALUE' })],
    });
    expect(parse('dumpdir: /x\nstorage:\n')).toEqual({ options: { dumpdir: '/x' }, warnings: [] });
  });

  test('never fails', () => {
    const key = fc.constantFrom(
      'ionice',
      'exclude-path',
      'fleecing',
      'prune-backups',
      'pool',
      'storage',
      'mailto',
      '#',
      '',
    );
    const line = fc.oneof(
      fc.string(),
      fc.tuple(key, fc.string()).map(([name, value]) => `${name}: ${value}`),
    );
    fc.assert(fc.property(fc.array(line), (lines) => void parse(lines.join('\n'))));
  });

  test.each([
    ['a line that does not end', 'a'.repeat(1 << 20)],
    ['blanks', `x: ${' '.repeat(1 << 20)}y`],
    ['colons', ':'.repeat(1 << 20)],
    ['quotes', `exclude-path: ${`'`.repeat(1 << 20)}`],
    ['commas', `fleecing: ${','.repeat(1 << 20)}`],
    ['patterns', 'exclude-path: x\n'.repeat(1 << 16)],
    ['NUL', '\0'.repeat(1 << 20)],
  ])('takes one pass over %s', (_name, text) => {
    expect(parse(text).warnings.length).toBeLessThan(2);
  });
});

test('reads the file, which has to be there when it is named', async () => {
  const warnings: ArchiveWarning[] = [];
  const path = join(await scratch(), 'vzdump.conf');
  await expect(readVzdumpConf(path)).rejects.toMatchObject({ code: 'ENOENT' });
  await writeFile(path, 'mode: stop\nionice: 9\ntmpdir: /ü\n');
  expect(await readVzdumpConf(path, (warning) => warnings.push(warning))).toEqual({
    mode: 'stop',
    tmpdir: '/ü',
  });
  expect(warnings).toMatchObject([{ code: 'VZDUMP_CONF_VALUE', entry: path }]);
});

test.each([
  ['', []],
  ['  a  b\tc ', ['a', 'b', 'c']],
  ['"/a b" /c', ['/a b', '/c']],
  ["'/a b'/c", ['/a b/c']],
  ['a\\ b', ['a b']],
  ['"a\\"b"', ['a"b']],
  ["'a\\nb'", ['a\\nb']],
  ["'a\\'b'", ["a\\'b"]],
  ['a\\\\b', ['a\\b']],
  ['""', ['']],
  ['x""', ['x']],
  ['*.bak ?', ['*.bak', '?']],
  ['a\\', ['a\\']],
])('%j', (line, words) => {
  expect(splitShellWords(line)).toEqual(words);
});

test.each(['"a', "'a b", 'a "', "'\\'"])('%j is not closed', (line) => {
  expect(splitShellWords(line)).toBeUndefined();
});
