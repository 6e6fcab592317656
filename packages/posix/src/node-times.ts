import type { TimeToSet } from './directory.js';

/**
 * Seconds for the calls of `node:fs` that set times, exact to the microsecond. In a string, because Node takes
 * numbers below zero for the time that it is. `current` stands for `omit`, which Node does not know.
 */
export function nodeTime(time: TimeToSet, current: bigint): string {
  if (time === 'now') return String(Date.now() / 1000);
  return String(Number(time === 'omit' ? current : time) / 1e9);
}
