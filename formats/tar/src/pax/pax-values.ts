import { bytesToPath, printableName } from '@vzdump-format/posix';
import type { ArchiveError } from '@vzdump-format/streams';
import { decodeText, encodeText } from '../header/names.js';
import { decodeDecimal, decodeTime, paxError } from './pax.js';

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
