import type { DeviceNumber } from './file-status.js';

const MOST_MAJOR = 0xfff;
const MOST_MINOR = 0xf_ffff;

/**
 * A device's number as Linux takes it: 12 bits of major and 20 of minor, whose low 8 stand below the major
 * ones (`new_encode_dev` in <linux/kdev_t.h>). `undefined` for what does not fit.
 */
export function encodeDevice({ major, minor }: DeviceNumber): number | undefined {
  if (!isWithin(major, MOST_MAJOR) || !isWithin(minor, MOST_MINOR)) return undefined;
  return (((minor & ~0xff) << 12) | (major << 8) | (minor & 0xff)) >>> 0;
}

/** The inverse of `encodeDevice`. */
export function decodeDevice(number: number): DeviceNumber {
  return { major: (number >>> 8) & MOST_MAJOR, minor: ((number >>> 12) & 0xf_ff00) | (number & 0xff) };
}

function isWithin(number: number, most: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= most;
}
