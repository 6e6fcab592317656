import { describe, expect, test } from 'vitest';
import type { Command } from '../command.js';
import { UsageError } from '../output/exit-status.js';
import { spelledOut, spellNumbered, withNumbered } from './spelling.js';

const MP = { flags: '--mpN <volume>', description: '', numbered: true };
const restore: Command = {
  name: 'restore',
  summary: '',
  arguments: [],
  options: [MP, { flags: '--force', description: '' }],
  examples: [],
  run: async () => {},
};

describe('on the command line', () => {
  test.each([
    ['restore --mp3 local:4', 'restore --mpN 3=local:4'],
    ['restore --mp3=local:4 --mp0 x', 'restore --mpN 3=local:4 --mpN 0=x'],
    ['restore -mp3 local:4 -1', 'restore --mpN 3=local:4 -1'],
    ['restore --mp3', 'restore --mpN'],
    ['restore --force a 300', 'restore --force a 300'],
    ['restore --net0 x', 'restore --net0 x'],
    ['restore --mp3 1 -- --mp4 x', 'restore --mpN 3=1 -- --mp4 x'],
    ['list --mp3 x', 'list --mp3 x'],
    ['', ''],
  ])('%j', (given, spelled) => {
    expect(spellNumbered(given.split(' '), [restore])).toEqual(spelled.split(' '));
  });
});

test('values are told apart by their numbers', () => {
  const one = withNumbered(MP, '3=local:4,mp=/srv');
  expect(withNumbered(MP, '0=1', one)).toEqual(
    new Map([
      ['mp3', 'local:4,mp=/srv'],
      ['mp0', '1'],
    ]),
  );
  expect(() => withNumbered(MP, '03=x', one)).toThrow('--mp3 is given twice');
  expect(() => withNumbered(MP, 'local:4')).toThrow('--mpN: N is a number');
});

const shortened = [{ flags: '--mode <what>' }, { flags: '--protected [0|1]' }, { flags: '--prune <rules>' }];
const COMMAND: Command = {
  ...{ name: 'do', summary: '', arguments: [], examples: [], run: async () => {} },
  options: [...shortened, { flags: '--modest' }].map((spec) => ({ ...spec, description: '' })),
  abbreviated: shortened.map((spec) => ({ ...spec, description: '' })),
};
const commonOptions = [{ flags: '--progress <how>', description: '' }];
const TABLE = { commands: [COMMAND, { ...COMMAND, name: 'other', abbreviated: undefined }], commonOptions };

/** Both as a line of words. */
function spell(line: string): string {
  return spelledOut(line.split(' '), TABLE).argv.join(' ');
}

test.each([
  ['do --mo stop 1', 'do --mode stop 1'],
  ['do -mode=stop -prot -1', 'do --mode=stop --protected -1'],
  ['do --modest --pro json', 'do --modest --protected json'],
  ['do --progress json', 'do --progress json'],
  ['do --mode --pro --pru --mo', 'do --mode --pro --prune --mo'],
  ['do --prot -- --mo', 'do --protected -- --mo'],
  ['do --bogus -h - -1 --', 'do --bogus -h - -1 --'],
  ['other --mo stop', 'other --mo stop'],
])('%s', (given, expected) => {
  expect(spell(given)).toBe(expected);
});

test('a notice tells of each that is not written out', () => {
  expect(spelledOut(['do', '--mo=stop', '-protected', '--prune', 'x'], TABLE).warnings).toEqual([
    { code: 'OPTION_ABBREVIATED', message: "option '--mo' is taken for '--mode'", isNotice: true },
  ]);
});

test('what could be several options is none', () => {
  expect(() => spell('do --pr x')).toThrow(UsageError);
  expect(() => spell('do --p x')).toThrow("option '--p' is ambiguous");
});
