import { pathToBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { Content, EntryType, FileEntry } from './entry.js';

/** What an entry that one makes oneself has beside its path and its content. */
export interface FileEntryOptions
  extends Partial<Omit<FileEntry, 'path' | 'type' | 'mtime' | 'size' | 'content'>> {
  /** When it was last modified: a date, or nanoseconds since the epoch; now unless given. */
  readonly mtime?: Date | bigint | undefined;
  /** In bytes; needed of content that comes in chunks, unless these are in an array. */
  readonly size?: number | undefined;
}

/**
 * A file for a tree that is made by a program: `packTar`, `packPxar` and `restoreTree` take it. It is root's,
 * with the mode 0644, unless the options say otherwise.
 * @param path as `FileEntry.path`; a leading `/` or `./` is left out
 * @param data its bytes, a text (in UTF-8), or chunks of it in anything that can be read item by item
 * @throws `ENTRY_FIELD` for a size that is missing or wrong, or a date that is none
 * @example fileEntry('etc/hostname', 'web\n', { mode: 0o600, mtime: new Date(0) })
 */
export function fileEntry(path: string, data: Content | string, options: FileEntryOptions = {}): FileEntry {
  const content = typeof data === 'string' ? pathToBytes(data) : data;
  const { mtime = new Date(), size = sizeOf(content), ...rest } = options;
  const name = path.replace(/^(?:\.?\/)+/, '');
  const entry = { mode: 0o644, uid: 0, gid: 0, ...rest, path: name, content };
  const made = { ...entry, type: 'file', mtime: nanosecondsOf(mtime), size } as FileEntry;
  requireEntry(made);
  return made;
}

function sizeOf(content: Content): number | undefined {
  if (content instanceof Uint8Array) return content.length;
  if (!Array.isArray(content)) return undefined;
  return content.reduce((sum: number, chunk: Uint8Array) => sum + chunk.length, 0);
}

function nanosecondsOf(time: Date | bigint): bigint {
  const isDate = time instanceof Date && !Number.isNaN(time.getTime());
  return isDate ? BigInt(time.getTime()) * 1_000_000n : (time as bigint);
}

const TYPES: Readonly<Record<EntryType, true>> = {
  ...{ file: true, directory: true, symlink: true, hardlink: true },
  ...{ block: true, char: true, fifo: true, socket: true },
};

/**
 * What the compiler proves of an entry in TypeScript: that its fields are of their types.
 * @throws `ENTRY_FIELD`
 */
export function requireEntry(entry: FileEntry): void {
  const { path, type, mode, uid, gid, mtime, size, content, linkTarget, xattrs } = entry;
  if (typeof path !== 'string') throw wrongField('', 'path', path, 'a string');
  if (TYPES[type] !== true) throw wrongField(path, 'type', type, `one of ${Object.keys(TYPES).join(', ')}`);
  if (typeof mtime !== 'bigint') throw wrongField(path, 'mtime', mtime, 'a bigint of nanoseconds');
  if (typeof size !== 'number') throw wrongField(path, 'size', size, 'a number of bytes');
  if (typeof mode !== 'number') throw wrongField(path, 'mode', mode, 'a number');
  if (typeof uid !== 'number') throw wrongField(path, 'uid', uid, 'a number');
  if (typeof gid !== 'number') throw wrongField(path, 'gid', gid, 'a number');
  if (content !== undefined && (typeof content !== 'object' || content === null))
    throw wrongField(path, 'content', content, 'bytes, or chunks of bytes');
  if (linkTarget !== undefined && typeof linkTarget !== 'string')
    throw wrongField(path, 'linkTarget', linkTarget, 'a string');
  if (xattrs !== undefined && !(xattrs instanceof Map)) throw wrongField(path, 'xattrs', xattrs, 'a Map');
}

function wrongField(path: string, field: string, value: unknown, wanted: string): ArchiveError {
  const what = value instanceof Date ? 'a Date' : value === undefined ? 'missing' : inWords(value);
  return new ArchiveError(
    'ENTRY_FIELD',
    `the ${field} of "${printableName(path)}" is ${what}, not ${wanted}`,
    {
      entry: path,
      hint: 'fileEntry(path, data, options) makes a whole entry, also of a Date',
    },
  );
}

function inWords(value: unknown): string {
  return typeof value === 'number'
    ? `the number ${value}`
    : value === null
      ? 'null'
      : `of type ${typeof value}`;
}
