import { expect, test } from 'vitest';
import type { Command } from '../command.js';
import { UsageError } from '../output/exit-status.js';
import { spelledOut } from './abbreviations.js';

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
