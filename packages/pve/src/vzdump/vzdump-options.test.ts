import { describe, expect, expectTypeOf, test } from 'vitest';
import { parseOptionValue } from './option-value.js';
import { type VzdumpOptions, vzdumpOption, vzdumpOptions } from './vzdump-options.js';

describe('the table', () => {
  test('has every option of vzdump, in the order of the alphabet', () => {
    expect(vzdumpOptions.map(({ name }) => name)).toEqual([
      'all',
      'bwlimit',
      'compress',
      'dumpdir',
      'exclude',
      'exclude-path',
      'fleecing',
      'ionice',
      'job-id',
      'lockwait',
      'mailnotification',
      'mailto',
      'maxfiles',
      'mode',
      'node',
      'notes-template',
      'notification-mode',
      'pbs-change-detection-mode',
      'performance',
      'pigz',
      'pool',
      'protected',
      'prune-backups',
      'quiet',
      'remove',
      'script',
      'stdexcludes',
      'stdout',
      'stop',
      'stopwait',
      'storage',
      'tmpdir',
      'zstd',
    ]);
  });

  test('has the defaults of vzdump', () => {
    const defaults = vzdumpOptions.flatMap((row) => ('default' in row ? [`${row.name}=${row.default}`] : []));
    expect(defaults).toEqual([
      'all=0',
      'bwlimit=0',
      'compress=0',
      'fleecing=enabled=0',
      'ionice=7',
      'lockwait=180',
      'mailnotification=always',
      'mode=snapshot',
      'notification-mode=auto',
      'performance=max-workers=16,pbs-entries-max=1048576',
      'pigz=0',
      'quiet=0',
      'remove=1',
      'stdexcludes=1',
      'stop=0',
      'stopwait=10',
      'zstd=1',
    ]);
  });

  test('types the values', () => {
    expectTypeOf<VzdumpOptions['bwlimit']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<VzdumpOptions['all']>().toEqualTypeOf<boolean | undefined>();
    expectTypeOf<VzdumpOptions['exclude']>().toEqualTypeOf<readonly number[] | undefined>();
    expectTypeOf<VzdumpOptions['exclude-path']>().toEqualTypeOf<readonly string[] | undefined>();
    expectTypeOf<VzdumpOptions['mode']>().toEqualTypeOf<string | undefined>();
  });

  test('is looked up by name', () => {
    expect(vzdumpOption('mailto')?.deprecated).toBe('set up notification targets and matchers');
    expect(vzdumpOption('constructor')).toBeUndefined();
  });
});

function parse(name: string, text: string) {
  return parseOptionValue(vzdumpOption(name)!.type, text);
}

describe('values', () => {
  test.each([
    ['all', 'Yes', true],
    ['all', '0', false],
    ['bwlimit', '0', 0],
    ['ionice', '8', 8],
    ['ionice', '+3', 3],
    ['compress', '1', '1'],
    ['exclude', '100, 101;102', [100, 101, 102]],
    ['exclude', '', []],
    ['exclude-path', '/a b', ['/a b']],
    ['mailto', 'a@example.org,root b@example.org', ['a@example.org', 'root', 'b@example.org']],
    [
      'fleecing',
      '1,storage=fast',
      new Map([
        ['enabled', '1'],
        ['storage', 'fast'],
      ]),
    ],
    ['fleecing', 'enabled=no', new Map([['enabled', 'no']])],
    ['performance', 'max-workers=256', new Map([['max-workers', '256']])],
    ['prune-backups', 'keep-last=3,keep-daily=0', { last: 3, daily: 0 }],
    ['prune-backups', 'keep-all=1', {}],
    ['pool', 'a/b/c', 'a/b/c'],
    ['notes-template', 'ü'.repeat(1024), 'ü'.repeat(1024)],
  ])('%s %j', (name, text, value) => {
    expect(parse(name, text)).toEqual(value);
  });

  test.each([
    ['all', 'maybe', "type check ('boolean') failed - got 'maybe'"],
    ['bwlimit', 'fast', "type check ('integer') failed - got 'fast'"],
    ['bwlimit', '1.5', "type check ('integer') failed - got '1.5'"],
    ['bwlimit', '-1', 'value must have a minimum value of 0'],
    ['bwlimit', '9'.repeat(17), `type check ('integer') failed - got '${'9'.repeat(17)}'`],
    ['ionice', '9', 'value must have a maximum value of 8'],
    ['compress', 'xz', "value 'xz' does not have a value in the enumeration '0, 1, gzip, lzo, zstd'"],
    ['mode', 'Stop', "value 'Stop' does not have a value in the enumeration 'snapshot, suspend, stop'"],
    ['exclude', '100,99', "value '99' does not match the regex pattern"],
    ['exclude', '0100', "value '0100' does not match the regex pattern"],
    ['storage', '../x', "value '../x' does not match the regex pattern"],
    ['pool', 'a/b/c/d', "value 'a/b/c/d' does not match the regex pattern"],
    ['mailto', 'root,;x:y', "value 'x:y' does not match the regex pattern"],
    ['mailto', '-oQ/tmp', "value '-oQ/tmp' does not match the regex pattern"],
    ['job-id', 'a b', "value 'a b' does not match the regex pattern"],
    ['job-id', 'x'.repeat(51), 'value may only be 50 characters long'],
    ['notes-template', 'ü'.repeat(1025), 'value may only be 1024 characters long'],
    ['performance', 'max-workers=0', 'format error - max-workers: value must have a minimum value of 1'],
    ['performance', 'max-workers=257', 'format error - max-workers: value must have a maximum value of 256'],
    ['performance', '16', 'value without key, but schema does not define a default key'],
    [
      'performance',
      'constructor=1',
      'format error - constructor: property is not defined in schema and the schema does not allow additional properties',
    ],
    ['fleecing', 'perhaps', "format error - enabled: type check ('boolean') failed - got 'perhaps'"],
    ['prune-backups', 'keep-all=1,keep-last=1', 'keep-all cannot be set together with other options.'],
  ])('%s %j is refused', (name, text, message) => {
    expect(() => parse(name, text)).toThrow(expect.objectContaining({ code: 'OPTION_VALUE', message }));
  });
});
