/**
 * Pax records: `LENGTH KEYWORD=VALUE\n`, one behind the other. LENGTH is decimal and counts the whole record,
 * itself and the newline too, so a value may hold any bytes. What stands behind the first `=` is the value,
 * other `=` included.
 *
 * Source: POSIX.1-2017, pax, "pax Extended Header".
 */

import { bytesToPath, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { decodeText, encodeText, isAscii } from '../header/names.js';

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const SPACE = 0x20;
const EQUALS = 0x3d;
const MINUS = 0x2d;
const DOT = 0x2e;
const NEWLINE = 0x0a;
const NANOSECOND_DIGITS = 9;
/** The length of such a record has always two digits. */
const MTIME_START = '00 mtime=';
export const LONGEST_MTIME = MTIME_START.length + '9007199254740991.123456789\n'.length;
/** By their first letters. */
const TIMES: Readonly<Record<number, string>> = { 97: 'atime', 99: 'ctime', 109: 'mtime' };

/** @param start where the value begins in the bytes; @param end exclusive, without the newline */
type UsePaxRecord = (keyword: string, start: number, end: number) => void;

/**
 * Takes records apart.
 * @param start where they begin in `bytes`; @param size of all of them; @param offset where they stand in the
 * archive
 * @throws `TAR_PAX_RECORD` for the first that is not as it must be, one that ends past the end among them
 */
export function decodePaxRecords(
  bytes: Buffer,
  start: number,
  size: number,
  offset: number,
  use: UsePaxRecord,
): void {
  const limit = start + size;
  for (let at = start; at < limit; ) {
    const digits = numberAt(bytes, at, limit);
    const end = at + digits.value;
    const fault = faultOfRecord(bytes, at, digits.end, end, limit);
    if (fault !== undefined) throw paxError(fault, offset + at - start);
    let equals = digits.end + 1;
    while (equals < end && bytes[equals] !== EQUALS) equals++; // keywords are short
    if (equals === end) throw paxError('has no equals sign', offset + at - start);
    use(keywordAt(bytes, digits.end + 1, equals), equals + 1, end - 1);
    at = end;
  }
}

/** @param space where the digits of its length end; @param end where it says that it ends */
function faultOfRecord(
  bytes: Buffer,
  at: number,
  space: number,
  end: number,
  limit: number,
): string | undefined {
  if (space === at || bytes[space] !== SPACE) return 'does not begin with its length';
  if (end > limit) return 'ends past the end of its header';
  return end <= space || bytes[end - 1] !== NEWLINE
    ? 'does not end in a newline where its length says'
    : undefined;
}

/** Of `mtime`, `atime` and `ctime` archives are full, so these are told without making text of them. */
function keywordAt(bytes: Buffer, start: number, end: number): string {
  const time = TIMES[bytes[start]!];
  return time !== undefined && spells(time, bytes, start, end) ? time : decodeText(bytes, start, end);
}

function spells(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** @returns where the digits end, and their value: infinite where it would not be exact */
function numberAt(
  bytes: Buffer,
  start: number,
  limit: number,
): { readonly value: number; readonly end: number } {
  let value = 0;
  let at = start;
  for (; at < limit; at++) {
    const byte = bytes[at]!;
    if (byte < DIGIT_0 || byte > DIGIT_9) break;
    value = value * 10 + (byte - DIGIT_0);
  }
  return { value: Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY, end: at };
}

export function paxError(what: string, offset: number): ArchiveError {
  return new ArchiveError('TAR_PAX_RECORD', `a pax record ${what}`, { offset });
}

/** A value that is a decimal number without a sign; undefined when it is not, or past `most`. */
export function decodeDecimal(bytes: Buffer, start: number, end: number, most: number): number | undefined {
  const digits = numberAt(bytes, start, end);
  return digits.end === end && end > start && digits.value <= most ? digits.value : undefined;
}

/**
 * A value that is a time in seconds, `-5.25`, in nanoseconds; undefined when it is not one. What is finer
 * than a nanosecond is cut off towards the past, as GNU tar does.
 */
export function decodeTime(bytes: Buffer, start: number, end: number): bigint | undefined {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  const whole = numberAt(bytes, first, end);
  if (whole.end === first || whole.value > Number.MAX_SAFE_INTEGER) return undefined;
  let nanoseconds = 0;
  let isCut = false;
  if (whole.end < end) {
    if (bytes[whole.end] !== DOT) return undefined;
    let digits = 0;
    for (let at = whole.end + 1; at < end; at++, digits++) {
      const digit = bytes[at]! - DIGIT_0;
      if (digit < 0 || digit > 9) return undefined;
      if (digits < NANOSECOND_DIGITS) nanoseconds = nanoseconds * 10 + digit;
      else isCut ||= digit > 0;
    }
    for (; digits < NANOSECOND_DIGITS; digits++) nanoseconds *= 10;
  }
  const time = joinTime(whole.value, nanoseconds);
  if (!isNegative) return time;
  return isCut ? -time - 1n : -time;
}

/** @returns nanoseconds since the epoch */
export function joinTime(seconds: number, nanoseconds: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

/** Seconds, rounded towards the past, and what is left. @param time in nanoseconds */
export function splitTime(time: bigint): { readonly seconds: number; readonly nanoseconds: number } {
  const seconds = Number(time / 1_000_000_000n);
  const nanoseconds = Number(time % 1_000_000_000n);
  return nanoseconds < 0
    ? { seconds: seconds - 1, nanoseconds: nanoseconds + 1_000_000_000 }
    : { seconds, nanoseconds };
}

/**
 * A time as the value of a record: no more digits than it takes. @param time in nanoseconds, up to 2^53
 * seconds
 */
export function encodeTime(time: bigint): string {
  const { seconds, nanoseconds } = splitTime(time < 0n ? -time : time);
  const sign = time < 0n ? '-' : '';
  return nanoseconds === 0 ? `${sign}${seconds}` : `${sign}${seconds}.${formatFraction(nanoseconds)}`;
}

/** The digits of a second's fraction up to the last that is not zero. @param nanoseconds not 0 */
export function formatFraction(nanoseconds: number): string {
  const digits = String(1_000_000_000 + nanoseconds);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === DIGIT_0) end--;
  return digits.slice(1, end);
}

/**
 * Writes the record `mtime` of a time that is not negative, as most members have one: without text being made
 * of it.
 * @param bytes with room for `LONGEST_MTIME` @returns its length
 */
export function encodeMtime(bytes: Uint8Array, seconds: number, nanoseconds: number): number {
  let fraction = nanoseconds;
  let digits = nanoseconds === 0 ? 0 : NANOSECOND_DIGITS;
  for (; digits > 0 && fraction % 10 === 0; digits--) fraction /= 10;
  let length = MTIME_START.length + digitsOf(seconds) + '\n'.length;
  if (digits > 0) length += '.'.length + digits;
  for (let at = 0; at < MTIME_START.length; at++) bytes[at] = MTIME_START.charCodeAt(at);
  bytes[0] = DIGIT_0 + Math.floor(length / 10);
  bytes[1] = DIGIT_0 + (length % 10);
  let at = length - 1;
  bytes[at] = NEWLINE;
  if (digits > 0) {
    at -= digits;
    putDigits(bytes, at, digits, fraction);
    bytes[--at] = DOT;
  }
  putDigits(bytes, MTIME_START.length, at - MTIME_START.length, seconds);
  return length;
}

/** How many decimal digits a number has. */
function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

function putDigits(bytes: Uint8Array, start: number, count: number, value: number): void {
  let rest = value;
  for (let at = start + count - 1; at >= start; at--) {
    const tenth = Math.floor(rest / 10);
    bytes[at] = DIGIT_0 + (rest - 10 * tenth);
    rest = tenth;
  }
}

/** One record; as text where it is ASCII. */
export function encodePaxRecord(keyword: string, value: string | Uint8Array): string | Buffer {
  if (typeof value === 'string' && isAscii(value) && isAscii(keyword)) {
    return `${recordLength(keyword.length + value.length)} ${keyword}=${value}\n`;
  }
  const key = encodeText(keyword);
  const bytes = typeof value === 'string' ? encodeText(value) : value;
  const start = `${recordLength(key.length + bytes.length)} `;
  return Buffer.concat([Buffer.from(start, 'latin1'), key, Buffer.of(EQUALS), bytes, Buffer.of(NEWLINE)]);
}

/** The length of a record, which counts its own digits. @param size of keyword and value */
function recordLength(size: number): number {
  const rest = size + ' =\n'.length;
  const length = rest + String(rest).length;
  return rest + String(length).length;
}

const COMMA = 0x2c;

/**
 * One record, and its value. All that take one throw `TAR_PAX_RECORD` when the value is not what it must be.
 */
export interface PaxRecord {
  readonly keyword: string;
  readonly bytes: Buffer;
  /** Of the value. */
  readonly start: number;
  readonly end: number;
  /** Of the value, in the archive. */
  readonly offset: number;
}

export function isEmpty({ start, end }: PaxRecord): boolean {
  return start === end;
}

export function textOf({ bytes, start, end }: PaxRecord): string {
  return decodeText(bytes, start, end);
}

export function nameOf(record: PaxRecord): string | null {
  return isEmpty(record) ? null : textOf(record);
}

export function bytesOf({ bytes, start, end }: PaxRecord): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

export function timeOf(record: PaxRecord): bigint | null {
  if (isEmpty(record)) return null;
  const decoded = decodeTime(record.bytes, record.start, record.end);
  if (decoded === undefined) throw badValue(record, 'a time');
  return decoded;
}

export function decimalOf(record: PaxRecord, most = Number.MAX_SAFE_INTEGER): number {
  const decoded = decodeDecimal(record.bytes, record.start, record.end, most);
  if (decoded === undefined) throw badValue(record, `a number up to ${most}`);
  return decoded;
}

/** Numbers with commas between. */
export function decimalsOf(record: PaxRecord): number[] {
  const { bytes, start, end } = record;
  const numbers: number[] = [];
  for (let at = start; at <= end && !isEmpty(record); ) {
    const comma = bytes.indexOf(COMMA, at);
    const numberEnd = comma < 0 ? end : Math.min(comma, end);
    const number = decodeDecimal(bytes, at, numberEnd, Number.MAX_SAFE_INTEGER);
    if (number === undefined) throw badValue(record, 'numbers with commas between');
    numbers.push(number);
    at = numberEnd + 1;
  }
  return numbers;
}

function badValue(record: PaxRecord, what: string): ArchiveError {
  const value = printableName(textOf({ ...record, end: Math.min(record.end, record.start + 40) }));
  return paxError(`must hold ${what}: ${printableName(record.keyword)}=${value}`, record.offset);
}

export function base64Of(record: PaxRecord): Uint8Array {
  const encoded = textOf(record);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) throw paxError('is not in base 64', record.offset);
  return Buffer.from(encoded, 'base64');
}

/** GNU tar writes `=` and `%` in an attribute's name as `%3D` and `%25`, and nothing else so. */
export function decodeXattrName(xattr: string): string {
  return xattr.includes('%') ? xattr.replaceAll('%3D', '=').replaceAll('%25', '%') : xattr;
}

/** The inverse. */
export function encodeXattrName(xattr: string): string {
  return xattr.replaceAll('%', '%25').replaceAll('=', '%3D');
}

/** libarchive writes them as in a URL: `%C3%A9` → `é`. */
export function decodePercents(xattr: string): string {
  if (!xattr.includes('%')) return xattr;
  const bytes = encodeText(xattr).toString('latin1');
  const decoded = bytes.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return bytesToPath(Buffer.from(decoded, 'latin1'));
}
