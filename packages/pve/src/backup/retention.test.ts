import { spawnSync } from 'node:child_process';
import { awkwardZones, useTimeZone } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkedRetention,
  keepRules,
  keepsAll,
  markGroup,
  parseRetention,
  type Retention,
  type RetentionEntry,
  retentionString,
  verdictReason,
} from './retention.js';
import { slowMarks } from './testing/slow-retention.js';

/** `2024-03-12 06:00`, in local time; `*` behind it makes it protected. */
function entry(text: string): RetentionEntry {
  const [year, month, day, hour = 0, minute = 0] = text.split(/\D/).filter(Boolean).map(Number);
  return {
    ctime: new Date(year!, month! - 1, day!, hour, minute).getTime() / 1000,
    isProtected: text.endsWith('*'),
  };
}

/** The marks, by the times given. */
function marks(times: readonly string[], retention: Retention): Record<string, string> {
  const verdicts = markGroup(times.map(entry), retention);
  return Object.fromEntries(times.map((time, index) => [time, shortForm(verdicts[index]!)]));
}

function shortForm(verdict: ReturnType<typeof markGroup>[number]): string {
  if (verdict.mark === 'keep') return verdict.rule === 'all' ? 'keep' : `${verdict.rule} ${verdict.place}`;
  if (verdict.mark !== 'remove') return verdict.mark;
  return verdict.why === 'surplus' ? 'remove' : `remove: ${verdict.why} ${verdict.rule}`;
}

describe('worked examples', () => {
  test('two rules: the day that the first covers is not counted by the second', () => {
    const times = [
      ...['2024-03-10 06:00', '2024-03-10 18:00', '2024-03-11 06:00', '2024-03-11 18:00'],
      ...['2024-03-12 06:00', '2024-03-12 18:00'],
    ];
    expect(marks(times, { last: 2, daily: 2 })).toEqual({
      '2024-03-12 18:00': 'last 1',
      '2024-03-12 06:00': 'last 2',
      '2024-03-11 18:00': 'daily 1',
      '2024-03-11 06:00': 'remove: duplicate daily',
      '2024-03-10 18:00': 'daily 2',
      '2024-03-10 06:00': 'remove: duplicate daily',
    });
  });

  test('a rule stops when it has enough, before it marks what is older', () => {
    const times = ['2024-03-11 23:10', '2024-03-12 10:05', '2024-03-12 10:30', '2024-03-12 10:55'];
    expect(marks(times, { hourly: 1, daily: 2 })).toEqual({
      '2024-03-11 23:10': 'daily 1',
      '2024-03-12 10:05': 'remove: duplicate hourly',
      '2024-03-12 10:30': 'remove: duplicate hourly',
      '2024-03-12 10:55': 'hourly 1',
    });
  });

  test('weeks are those of ISO 8601, whose last one goes on in the new year', () => {
    const times = [...['2020-12-24', '2020-12-27', '2020-12-28', '2021-01-01', '2021-01-03', '2021-01-04']];
    expect(marks(times, { weekly: 2 })).toEqual({
      '2021-01-04': 'weekly 1',
      '2021-01-03': 'weekly 2',
      '2021-01-01': 'remove: duplicate weekly',
      '2020-12-28': 'remove: duplicate weekly',
      '2020-12-27': 'remove',
      '2020-12-24': 'remove',
    });
  });

  test('a protected backup counts for nothing', () => {
    const times = ['2024-03-10', '2024-03-11', '2024-03-12*', '2024-03-13'];
    expect(marks(times, { last: 1, daily: 1 })).toEqual({
      '2024-03-10': 'remove',
      '2024-03-11': 'daily 1',
      '2024-03-12*': 'protected',
      '2024-03-13': 'last 1',
    });
  });

  test.each([{}, { last: 0, daily: 0 }])('%j: without a rule, all are kept', (retention) => {
    expect(marks(['2024-03-10', '2024-03-10 06:00*'], retention)).toEqual({
      '2024-03-10': 'keep',
      '2024-03-10 06:00*': 'protected',
    });
  });

  test('of one second, the first is kept', () => {
    const [a, c] = [entry('2024-03-12 06:00'), entry('2024-03-11 06:00')];
    expect(markGroup([a, { ...a }, c], { last: 2 }).map(shortForm)).toEqual([
      ...['last 1', 'remove: duplicate last', 'last 2'],
    ]);
  });

  test('many rules', () => {
    const times = [
      ...['2022-12-31 23:00', '2023-06-01 00:00', '2023-12-31 00:00', '2024-02-28 00:00', '2024-03-10 00:00'],
      ...['2024-03-12 09:00', '2024-03-12 10:00', '2024-03-12 11:00', '2024-03-12 11:30'],
    ];
    expect(marks(times, { last: 1, hourly: 2, daily: 2, monthly: 2, yearly: 2 })).toEqual({
      '2024-03-12 11:30': 'last 1',
      '2024-03-12 11:00': 'remove: covered hourly',
      '2024-03-12 10:00': 'hourly 1',
      '2024-03-12 09:00': 'hourly 2',
      '2024-03-10 00:00': 'daily 1',
      '2024-02-28 00:00': 'daily 2',
      '2023-12-31 00:00': 'monthly 1',
      '2023-06-01 00:00': 'monthly 2',
      '2022-12-31 23:00': 'yearly 1',
    });
  });

  test('the day is the local one', () => {
    useTimeZone('Pacific/Auckland');
    expect(marks(['2024-03-11 23:30', '2024-03-12 00:30', '2024-03-12 12:30'], { daily: 2 })).toEqual({
      '2024-03-12 12:30': 'daily 1',
      '2024-03-12 00:30': 'remove: duplicate daily',
      '2024-03-11 23:30': 'daily 2',
    });
  });
});

describe('when the clock is put back', () => {
  test.each([
    ['Europe/Berlin', Date.UTC(2024, 9, 27, 0, 30)], // 02:30 summer time; an hour later, 02:30
    ['America/New_York', Date.UTC(2024, 10, 3, 5, 30)],
  ])('in %s, the hour that comes twice is one', (zone, first) => {
    useTimeZone(zone);
    const group = [-1, 0, 1, 2].map((hours) => ({
      ctime: first / 1000 + hours * 3600,
      isProtected: false,
    }));
    expect(markGroup(group, { hourly: 9 }).map(shortForm)).toEqual([
      ...['hourly 3', 'remove: duplicate hourly', 'hourly 2', 'hourly 1'],
    ]);
  });
});

test('the order in which they are given matters only to those of one second', () => {
  const times = ['2024-03-12 06:00', '2024-03-10 06:00', '2024-03-11 06:00', '2024-03-09 06:00'];
  expect(marks(times, { last: 1, daily: 2 })).toEqual(marks(times.toSorted(), { last: 1, daily: 2 }));
});

test('nothing is nothing', () => {
  expect(markGroup([], { last: 1 })).toEqual([]);
});

describe('reasons', () => {
  const reasonOf = (times: readonly string[], retention: Retention) =>
    markGroup(times.map(entry), retention).map(verdictReason);

  test.each([
    [['2024-03-12'], {}, ['all are kept']],
    [['2024-03-12*', '2024-03-11'], { last: 3 }, ['it is protected', 'keep-last: 1 of 3']],
    [
      ['2024-03-12 10:55', '2024-03-12 10:05', '2024-03-12 09:00'],
      { hourly: 1 },
      [
        'keep-hourly: 1 of 1',
        'keep-hourly: a newer backup of the same hour is kept',
        'no rule has room for it',
      ],
    ],
    [
      ['2024-03-12', '2024-03-12'],
      { last: 2 },
      ['keep-last: 1 of 2', 'keep-last: another backup of the same second is kept'],
    ],
    [
      ['2024-03-14', '2024-03-13'],
      { last: 1, weekly: 1 },
      ['keep-last: 1 of 1', 'keep-weekly: its week has one that is kept already'],
    ],
  ])('%j with %j', (times, retention, reasons) => {
    expect(reasonOf(times, retention)).toEqual(reasons);
  });
});

test('weeks are what `date` says they are', () => {
  useTimeZone('UTC');
  const days = Array.from({ length: 366 * 60 }, (_, day) => day * 86_400);
  const { stdout } = spawnSync('date', ['-u', '-f', '-', '+%G-%V'], {
    input: days.map((seconds) => `@${seconds}\n`).join(''),
    encoding: 'utf8',
  });
  const weeks = stdout.trim().split('\n');
  expect(weeks).toHaveLength(days.length);
  const group = days.map((ctime) => ({ ctime, isProtected: false }));
  const kept = markGroup(group, { weekly: days.length }).flatMap(({ mark }, index) =>
    mark === 'keep' ? [weeks[index]] : [],
  );
  expect(kept).toEqual([...new Set(weeks)]);
});

describe('decides as a slow, obviously right implementation does', () => {
  const counts = fc.record(
    Object.fromEntries(keepRules.map((rule) => [rule, fc.integer({ min: 0, max: 4 })])),
    { requiredKeys: [] },
  );
  const day = 86_400;
  /** Gaps of all the sizes that rules look at. */
  const gap = fc.oneof(
    fc.constantFrom(0, 1, 1800, 3600, day, 7 * day, 31 * day, 366 * day),
    fc.integer({ min: 0, max: 3 * 3600 }),
    fc.integer({ min: 0, max: 3 * day }),
    fc.integer({ min: 0, max: 60 * day }),
  );
  const groups = fc
    .tuple(
      fc.integer({ min: 1.2e9, max: 1.9e9 }),
      fc.array(fc.tuple(gap, fc.nat(9), fc.nat()), { maxLength: 30 }),
    )
    .map(([start, steps]) => {
      let ctime = start;
      return steps
        .map(([step, protection, order]) => {
          ctime += step;
          return { ctime, isProtected: protection === 0, order };
        })
        .sort((one, other) => one.order - other.order);
    });

  test.each(awkwardZones)('in %s', (zone) => {
    useTimeZone(zone);
    fc.assert(
      fc.property(groups, counts, (group, retention) => {
        expect(markGroup(group, retention).map(({ mark }) => mark)).toEqual(slowMarks(group, retention));
      }),
      { numRuns: 250 },
    );
  });

  test.each([
    ['Europe/Berlin', Date.UTC(2024, 9, 26, 20)],
    ['Europe/Berlin', Date.UTC(2024, 2, 30, 20)],
    ['America/Sao_Paulo', Date.UTC(2018, 10, 3, 22)],
    ['Pacific/Apia', Date.UTC(2011, 11, 29, 6)],
    ['Australia/Lord_Howe', Date.UTC(2024, 3, 6, 10)],
  ])('in %s, around a change of the clock', (zone, start) => {
    useTimeZone(zone);
    const group = fc
      .array(fc.integer({ min: 0, max: 30 * 3600 }), { maxLength: 25 })
      .map((offsets) => offsets.map((offset) => ({ ctime: start / 1000 + offset, isProtected: false })));
    fc.assert(
      fc.property(group, counts, (entries, retention) => {
        expect(markGroup(entries, retention).map(({ mark }) => mark)).toEqual(slowMarks(entries, retention));
      }),
      { numRuns: 250 },
    );
  });
});

test('a hundred thousand backups are read a few times each', () => {
  let reads = 0;
  const group = Array.from({ length: 100_000 }, (_, index) => ({
    get ctime() {
      reads++;
      return 1.7e9 - index * 977;
    },
    isProtected: false,
  }));
  const retention = { last: 5, hourly: 48, daily: 14, weekly: 8, monthly: 24, yearly: 50_000 };
  expect(markGroup(group, retention)).toHaveLength(group.length);
  // sorting compares each some 17 times at most, with two reads; beside that, each rule reads it once or
  // twice
  expect(reads / group.length).toBeLessThan(60);
});

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
