import type { TimeToSet } from '../directory/directory.js';

const NANOSECONDS = 1_000_000_000n;

// utimensat(2), in place of nanoseconds
const UTIME_NOW = (1n << 30n) - 1n;
const UTIME_OMIT = (1n << 30n) - 2n;

/**
 * Two `struct timespec`, access and modification, for the call that follows: seconds, nanoseconds, both s64.
 */
const timespecs = new BigInt64Array(4);

/** `undefined` for seconds that have no place in 64 bits. */
export function encodeTimes(accessed: TimeToSet, modified: TimeToSet): BigInt64Array | undefined {
  return encode(accessed, 0) && encode(modified, 2) ? timespecs : undefined;
}

function encode(time: TimeToSet, at: number): boolean {
  if (typeof time !== 'bigint') {
    timespecs[at + 1] = time === 'now' ? UTIME_NOW : UTIME_OMIT;
    return true;
  }
  let seconds = time / NANOSECONDS;
  let nanoseconds = time % NANOSECONDS;
  if (nanoseconds < 0n) {
    seconds--; // nanoseconds count upwards before 1970, too
    nanoseconds += NANOSECONDS;
  }
  timespecs[at] = seconds;
  timespecs[at + 1] = nanoseconds;
  return timespecs[at] === seconds;
}

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
