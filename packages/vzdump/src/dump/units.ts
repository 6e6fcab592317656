/** Sizes and durations as vzdump's log has them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const KIB = 1024;

/** `1.0 GiB`; `0 B` for nothing, or less. */
export function renderBytes(bytes: number, decimals: number): string {
  if (bytes <= 0) return '0 B';
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit++;
  }
  return `${value.toFixed(decimals)} ${UNITS[unit]}`;
}

/** As in mails: `1.234 GiB`, without zeros at its end. */
export function exactBytes(bytes: number): string {
  const [number, unit] = renderBytes(bytes, 3).split(' ');
  return `${Number(number)} ${unit}`;
}

/** Of an archive's file: `9.87GB`, `412MB`. */
export function renderFileSize(bytes: number): string {
  const kib = bytes / KIB;
  if (kib < KIB) return `${Math.floor(kib)}KB`;
  if (kib < KIB ** 2) return `${Math.floor(kib / KIB)}MB`;
  if (kib < KIB ** 3) return `${(kib / KIB ** 2).toFixed(2)}GB`;
  return `${(kib / KIB ** 3).toFixed(2)}TB`;
}

/** As tar prints its totals: `40KiB`, `1.1GiB`; rounded up, with a decimal below 10. */
export function tarBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit++;
  }
  const tenths = Math.ceil(value * 10);
  const digits = unit > 0 && tenths < 100 ? (tenths / 10).toFixed(1) : String(Math.ceil(value));
  if (digits === String(KIB) && unit < UNITS.length - 1) return `1.0${UNITS[unit + 1]}`;
  return `${digits}${UNITS[unit]}`;
}

const DURATIONS = [
  ['w', 604800],
  ['d', 86400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** `1d 2h 3m 4s`, zero parts left out. */
export function formatDuration(seconds: number): string {
  let left = Math.floor(seconds);
  const parts: string[] = [];
  for (const [unit, length] of DURATIONS) {
    if (left >= length) parts.push(`${Math.floor(left / length)}${unit}`);
    left %= length;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}

/** `00:01:45`; hours have no end. */
export function clockDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
