import { describe, expect, test } from 'vitest';
import type { Command } from '../command.js';
import { spellNumbered, withNumbered } from './numbered-options.js';

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
