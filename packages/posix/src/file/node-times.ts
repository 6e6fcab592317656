import type { TimeToSet } from '../directory/directory.js';

/**
 * Seconds for the calls of `node:fs` that set times, which keep whole microseconds (until 2106). In a string,
 * because Node takes numbers below zero for the time that it is. `current` stands for `omit`, which Node does
 * not know.
 */
export function nodeTime(time: TimeToSet, current: bigint): string {
  if (time === 'now') return String(Date.now() / 1000);
  const microseconds = Number((time === 'omit' ? current : time) / 1000n);
  // Half of one more, because what is left of it in floating point is cut, not rounded.
  return String((microseconds + (microseconds < 0 ? -0.5 : 0.5)) / 1e6);
}
