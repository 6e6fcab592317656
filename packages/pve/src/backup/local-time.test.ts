import { spawnSync } from 'node:child_process';
import { awkwardZones, useTimeZone } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dayNumber, localSeconds, localTimeOf } from './local-time.js';

function at(text: string): number | undefined {
  const [year, month, day, hour, minute, second] = text.split(/\D/).map(Number);
  return localSeconds({
    ...{ year: year!, month: month!, day: day! },
    ...{ hour: hour!, minute: minute!, second: second! },
  });
}

/** The right column is what Perl's timelocal gives. */
test.each([
  ['Europe/Berlin', '2024-03-31 02:30:00', 1711848600], // left out: an hour later
  ['Europe/Berlin', '2024-10-27 02:30:00', 1729989000], // twice: the first
  ['America/New_York', '2024-11-03 01:30:00', 1730611800],
  ['America/New_York', '2024-03-10 02:30:00', 1710055800],
  ['Australia/Lord_Howe', '2024-10-06 02:15:00', 1728143100],
  ['Pacific/Apia', '2011-12-30 12:00:00', 1325282400],
  ['America/Sao_Paulo', '2018-11-04 00:30:00', 1541302200],
  ['Pacific/Auckland', '2024-03-11 23:30:00', 1710153000],
  ['Asia/Kathmandu', '2024-01-01 00:00:00', 1704046500],
  ['Europe/London', '1970-01-01 00:00:00', -3600],
])('in %s, %s is %d', (zone, text, expected) => {
  useTimeZone(zone);
  expect(at(text)).toBe(expected);
});

test.each([
  '2024-00-01 00:00:00',
  '2024-13-01 00:00:00',
  '2024-01-00 00:00:00',
  '2024-04-31 00:00:00',
  '2023-02-29 00:00:00',
  '1900-02-29 00:00:00',
  '2024-01-01 24:00:00',
  '2024-01-01 00:60:00',
  '2024-01-01 00:00:60',
])('%s is no time', (text) => {
  expect(at(text)).toBeUndefined();
});

test.each(['2024-02-29 23:59:59', '2000-02-29 00:00:00', '0024-12-31 12:00:00', '9999-12-31 23:59:59'])(
  '%s is one',
  (text) => {
    const time = localTimeOf(at(text)!);
    expect(Object.values(time)).toEqual(text.split(/\D/).map(Number));
  },
);

describe.each(awkwardZones)('in %s', (zone) => {
  test('a time that the clock showed comes back', () => {
    useTimeZone(zone);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
        const time = localTimeOf(seconds);
        expect(localTimeOf(localSeconds(time)!)).toEqual(time);
      }),
      { numRuns: 2000 },
    );
  });

  test('the local time is what `date` says', () => {
    const times = Array.from({ length: 4000 }, (_, index) => index * 499_979);
    const input = times.map((seconds) => `@${seconds}\n`).join('');
    const format = '+%Y %m %d %H %M %S';
    const { stdout } = spawnSync('date', ['-f', '-', format], {
      input,
      env: { ...process.env, TZ: zone },
      encoding: 'utf8',
    });
    useTimeZone(zone);
    const expected = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    expect(times.map((seconds) => Object.values(localTimeOf(seconds)))).toEqual(expected);
  });
});

test('days are counted from 1970 on', () => {
  expect(dayNumber({ year: 1970, month: 1, day: 1 })).toBe(0);
  expect(dayNumber({ year: 2024, month: 3, day: 1 })).toBe(19783);
  expect(dayNumber({ year: 24, month: 1, day: 1 })).toBeLessThan(-700_000);
});
