/** A time as a clock on the wall and a calendar show it; months and days count from 1. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/**
 * Local time → seconds since the epoch. Of a time that the clock showed twice, the first is meant; one that
 * was left out is as much later as the clock was put forward, as with Perl's `timelocal`.
 * @returns nothing when no calendar has that day, or no clock that time
 */
export function localSeconds(time: LocalTime): number | undefined {
  const { year, month, day, hour, minute, second } = time;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(year, month - 1, day, hour, minute, second);
  if (year < 100) date.setFullYear(year, month - 1, day); // the constructor takes 24 for 1924
  return date.getTime() / 1000;
}

/** Seconds since the epoch → local time. */
export function localTimeOf(seconds: number): LocalTime {
  const date = new Date(seconds * 1000);
  return {
    year: date.getFullYear(),
    month: date.getMonth() + 1,
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
  };
}

/** The days from 1970-01-01 to a calendar day, whatever the time zone. */
export function dayNumber({ year, month, day }: Pick<LocalTime, 'year' | 'month' | 'day'>): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
}

function daysInMonth(year: number, month: number): number {
  const first = { year, month, day: 1 };
  const next = month === 12 ? { year: year + 1, month: 1, day: 1 } : { ...first, month: month + 1 };
  return dayNumber(next) - dayNumber(first);
}

/** Numbers with as many digits as they have in names and logs. */
export function padded(number: number, digits = 2): string {
  return String(number).padStart(digits, '0');
}
