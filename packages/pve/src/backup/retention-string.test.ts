import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keepRules, keepsAll } from './retention.js';
import { checkedRetention, parseRetention, retentionString } from './retention-string.js';

test.each([
  ['keep-last=3,keep-daily=7', { last: 3, daily: 7 }],
  [' keep-last=3, ,keep-yearly=0,', { last: 3, yearly: 0 }],
  ['keep-all=0,keep-last=10', { last: 10 }],
  ['keep-all=no,keep-hourly=+1', { hourly: 1 }],
  ['keep-weekly=4,keep-monthly=9007199254740991', { weekly: 4, monthly: Number.MAX_SAFE_INTEGER }],
])('%j', (text, retention) => {
  expect(parseRetention(text)).toEqual(retention);
});

test.each(['', ',', 'keep-all=1', 'keep-all=Yes', 'keep-all=0', 'keep-last=0', 'keep-last=0,keep-all=1'])(
  '%j keeps all',
  (text) => {
    expect(keepsAll(parseRetention(text))).toBe(true);
    expect(retentionString(parseRetention(text))).toBe('keep-all=1');
  },
);

test.each([
  ['keep-all=1,keep-last=3', 'keep-all cannot be set together with other options.'],
  ['foo=1', 'foo: property is not defined in schema and the schema does not allow additional properties'],
  ['keep-last=1,keep-last=2', 'duplicate key in comma-separated list property: keep-last'],
  ['3', 'value without key, but schema does not define a default key'],
  ['=3', 'missing key in comma-separated list property'],
  ['keep-last=', "keep-last: type check ('integer') failed - got ''"],
  ['keep-last=1.5', "keep-last: type check ('integer') failed - got '1.5'"],
  ['keep-last=-1', 'keep-last: value must have a minimum value of 0'],
  ['keep-last=9007199254740992', 'keep-last: 9007199254740992 is too much'],
  ['keep-all=2', "keep-all: type check ('boolean') failed - got '2'"],
])('%j is refused', (text, message) => {
  expect(() => parseRetention(text)).toThrow(expect.objectContaining({ code: 'RETENTION', message }));
});

test('as vzdump logs it', () => {
  expect(retentionString({ last: 3, daily: 7, weekly: 0 }, ', ')).toBe('keep-daily=7, keep-last=3');
});

test('keep-all beside rules that keep nothing', () => {
  expect(checkedRetention({ last: 0 }, true)).toEqual({});
});

test('what is written is read as the same', () => {
  const count = fc.integer({ min: 1, max: 1e6 });
  const retentions = fc.record(Object.fromEntries(keepRules.map((rule) => [rule, count])), {
    requiredKeys: [],
  });
  fc.assert(
    fc.property(retentions, (retention) => {
      expect(parseRetention(retentionString(retention))).toEqual(retention);
    }),
  );
});
