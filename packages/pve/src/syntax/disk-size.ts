const UNITS = ['', 'K', 'M', 'G', 'T'] as const;

/**
 * A size as it stands in a guest's configuration (`32G`, `528K`, `4194304`, `1.5T`) → bytes; a fraction of a
 * byte is cut off. `undefined` when it is none, or past 2^53.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text);
  if (match === null) return undefined;
  const [, number, unit] = match;
  const bytes = Math.trunc(Number(number) * 1024 ** UNITS.indexOf(unit as (typeof UNITS)[number]));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Bytes → a size in the largest unit that gives a whole number, as Proxmox VE writes it. No bytes are `0T`.
 */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (unit < UNITS.length - 1 && value % 1024 === 0) {
    value /= 1024;
    unit++;
  }
  return `${value}${UNITS[unit]}`;
}
