import { pathToBytes, printableName } from '@vzdump-format/posix';
import { TYPE } from './format.js';
import { formatFraction, splitTime } from './pax/pax.js';
import type { TarEntry } from './read/member.js';

/** What GNU tar sets aside for owner and size, and widens as it needs. */
const OWNER_AND_SIZE_WIDTH = 19;
/** Wider, it does not grow: one long name must not fill every line after it with blanks. */
const WIDEST_OWNER_AND_SIZE = 80;
const TYPE_LETTERS: Readonly<Record<TarEntry['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  block: 'b',
  char: 'c',
  fifo: 'p',
  socket: 's',
};
const KNOWN_TYPES: ReadonlySet<string> = new Set(Object.values(TYPE));
/** What needs no look at what Unicode says of each character. */
const PLAIN = /^[ -[\]-~]*$/;
const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
};

/** What a line tells: entries of other formats can be told so, too. */
export type ListedEntry = Omit<TarEntry, 'headerOffset' | 'contentOffset' | 'storedSize'>;

/**
 * The widths of columns, which grow from line to line, and what was said last, as many lines say the same.
 * One for each listing.
 */
export class ListingColumns {
  ownerAndSize = OWNER_AND_SIZE_WIDTH;
  time = 0;
  readonly userOf = rememberingLast(printableName);
  readonly groupOf = rememberingLast(printableName);
  readonly permissionsOf = rememberingLast(allPermissions);
  readonly dateOf = rememberingLast(formatDate);
}

export interface FormatListingOptions {
  /** Ids in place of names, as `--numeric-owner`. */
  readonly numericOwner?: boolean | undefined;
}

/**
 * A line as `tar -tvf --full-time` prints it, in local time, without its end. Names are quoted as there
 * (`--quoting-style=escape`), format characters of Unicode, which mislead the eye, too. Those of owners,
 * which GNU tar prints as they are, are shown as in messages.
 */
export function formatListing(
  entry: ListedEntry,
  columns = new ListingColumns(),
  { numericOwner = false }: FormatListingOptions = {},
): string {
  const { userName, groupName, uid, gid } = entry;
  const user = numericOwner || userName === '' ? uid : columns.userOf(userName);
  const group = numericOwner || groupName === '' ? gid : columns.groupOf(groupName);
  const owner = `${user}/${group} `;
  const size = sizeOf(entry);
  const width = Math.max(columns.ownerAndSize, owner.length + size.length);
  columns.ownerAndSize = Math.min(width, WIDEST_OWNER_AND_SIZE);
  const time = formatTime(entry.mtime, columns);
  columns.time = Math.max(columns.time, time.length);
  const middle = owner + size.padStart(columns.ownerAndSize - owner.length);
  return `${letterOf(entry)}${columns.permissionsOf(entry.storedMode)} ${middle} ${time.padEnd(columns.time)} ${quoteName(entry.storedName)}${targetOf(entry)}`;
}

function sizeOf({ device, size }: ListedEntry): string {
  return device === undefined ? String(size) : `${device.major},${device.minor}`;
}

function isUnknownType({ storedType }: ListedEntry): boolean {
  return !KNOWN_TYPES.has(storedType);
}

function letterOf(entry: ListedEntry): string {
  const { storedType, type } = entry;
  return storedType === TYPE.contiguous ? 'C' : isUnknownType(entry) ? '?' : TYPE_LETTERS[type];
}

function allPermissions(mode: number): string {
  return (
    permissions(mode >> 6, (mode & 0o4000) !== 0 ? 's' : '') +
    permissions(mode >> 3, (mode & 0o2000) !== 0 ? 's' : '') +
    permissions(mode, (mode & 0o1000) !== 0 ? 't' : '')
  );
}

/** @param bits the lowest three; @param special a letter that stands where execution does */
function permissions(bits: number, special: string): string {
  const mayExecute = (bits & 1) !== 0;
  const execute = special === '' ? (mayExecute ? 'x' : '-') : mayExecute ? special : special.toUpperCase();
  return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${execute}`;
}

function targetOf(entry: ListedEntry): string {
  const { type, storedType, storedLinkName } = entry;
  if (type === 'symlink') return ` -> ${quoteName(storedLinkName)}`;
  if (type === 'hardlink') return ` link to ${quoteName(storedLinkName)}`;
  return isUnknownType(entry) ? ` unknown file type ‘${quoteName(storedType)}’` : '';
}

/**
 * `2026-11-23 23:29:59.53`, with no more digits than it takes; seconds since the epoch where there is no
 * date.
 */
function formatTime(time: bigint, { dateOf }: ListingColumns): string {
  const { seconds, nanoseconds } = splitTime(time);
  const date = dateOf(seconds);
  if (date === undefined) return String((time - BigInt(nanoseconds)) / 1_000_000_000n);
  return nanoseconds === 0 ? date : `${date}.${formatFraction(nanoseconds)}`;
}

/** In local time; nothing where there is no date. */
function formatDate(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
  const clock = `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}`;
  return `${day} ${clock}`;
}

function rememberingLast<Value, Result>(compute: (value: Value) => Result): (value: Value) => Result {
  let last: { readonly value: Value; readonly result: Result } | undefined;
  return (value) => {
    if (last === undefined || value !== last.value) last = { value, result: compute(value) };
    return last.result;
  };
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function quoteName(name: string): string {
  if (PLAIN.test(name)) return name;
  return name.replace(/[\\\p{Cc}\p{Cf}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const short = ESCAPES[character];
  if (short !== undefined) return short;
  return [...pathToBytes(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
