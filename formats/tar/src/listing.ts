import { pathToBytes } from '@vzdump-format/posix';
import type { TarEntry } from './entry.js';
import { TYPE } from './format.js';
import { splitTime } from './pax.js';

/** What GNU tar sets aside for owner and size, and widens as it needs. */
const OWNER_AND_SIZE_WIDTH = 19;
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

/** The widths of columns, which grow from line to line. One for each listing. */
export class ListingColumns {
  ownerAndSize = OWNER_AND_SIZE_WIDTH;
  time = 0;
}

export interface FormatListingOptions {
  /** Ids in place of names, as `--numeric-owner`. */
  readonly numericOwner?: boolean | undefined;
}

/**
 * A line as `tar -tvf --full-time` prints it, in local time, without its end. Names are quoted as there
 * (`--quoting-style=escape`), format characters of Unicode, which mislead the eye, too.
 */
export function formatListing(
  entry: ListedEntry,
  columns = new ListingColumns(),
  { numericOwner = false }: FormatListingOptions = {},
): string {
  const owner = `${ownerOf(entry.userName, entry.uid, numericOwner)}/${ownerOf(entry.groupName, entry.gid, numericOwner)}`;
  const size = sizeOf(entry);
  columns.ownerAndSize = Math.max(columns.ownerAndSize, owner.length + 1 + size.length);
  const time = formatTime(entry.mtime);
  columns.time = Math.max(columns.time, time.length);
  const middle = owner + size.padStart(columns.ownerAndSize - owner.length);
  return `${modeOf(entry)} ${middle} ${time.padEnd(columns.time)} ${quoteName(entry.storedName)}${targetOf(entry)}`;
}

function ownerOf(name: string, id: number, isNumeric: boolean): string {
  return isNumeric || name === '' ? String(id) : name;
}

function sizeOf({ device, size }: ListedEntry): string {
  return device === undefined ? String(size) : `${device.major},${device.minor}`;
}

function isUnknownType({ storedType }: ListedEntry): boolean {
  return !KNOWN_TYPES.has(storedType);
}

function modeOf(entry: ListedEntry): string {
  const { storedMode: mode, storedType, type } = entry;
  const letter = storedType === TYPE.contiguous ? 'C' : isUnknownType(entry) ? '?' : TYPE_LETTERS[type];
  return (
    letter +
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

/** `2026-11-23 23:29:59.53`, with no more digits than it takes; seconds since the epoch where there is no date. */
function formatTime(time: bigint): string {
  const { seconds, nanoseconds } = splitTime(time);
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String((time - BigInt(nanoseconds)) / 1_000_000_000n);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
  const clock = `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}`;
  const digits = nanoseconds === 0 ? '' : `.${pad(nanoseconds, 9).replace(/0+$/, '')}`;
  return `${day} ${clock}${digits}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function quoteName(name: string): string {
  return name.replace(/[\\\p{Cc}\p{Cf}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const short = ESCAPES[character];
  if (short !== undefined) return short;
  return [...pathToBytes(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
