import { onTestFinished } from 'vitest';

/** Makes a time zone the local one, until the test that runs is over. */
export function useTimeZone(zone: string): void {
  const before = process.env.TZ;
  onTestFinished(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });
  process.env.TZ = zone;
  for (const time of [1.7e12, 1.72e12]) {
    const shown = new Date(time).toLocaleString('sv-SE');
    const expected = new Date(time).toLocaleString('sv-SE', { timeZone: zone });
    if (shown !== expected) throw new Error(`the time zone is not ${zone}: ${shown} instead of ${expected}`);
  }
}

/**
 * Zones with all that local time is known for: summer time in either hemisphere, halves and quarters of
 * hours.
 */
export const awkwardZones: readonly string[] = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo', // summer time began at midnight
  'Pacific/Auckland',
  'Pacific/Apia', // had no 30 December 2011
  'Australia/Lord_Howe', // half an hour of summer time
  'Asia/Kathmandu',
];
