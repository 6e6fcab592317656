import type { BigIntStats } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { ArchiveError } from '../diagnostics.js';

interface FileName {
  readonly path: string;
  /** The name that it is to get. */
  readonly dest?: string;
}

const names = new WeakMap<FileHandle, FileName>();

/**
 * Notes what an open file is called, since the system's errors do not say it when a call is made on a
 * descriptor.
 */
export function nameFile(file: FileHandle, name: FileName): FileHandle {
  names.set(file, name);
  return file;
}

/**
 * Makes a call on a file. @throws the system's error, with the `path` and `dest` that `nameFile` was told of
 */
export async function onNamedFile<Result>(file: FileHandle, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw withFileName(error, names.get(file));
  }
}

/**
 * An error as it is, or, when it is a bare one of the system (`EIO: i/o error, write`), one that knows its
 * file.
 */
export function withFileName(error: unknown, name: FileName | undefined): unknown {
  const isBare = error instanceof Error && 'syscall' in error && !('path' in error);
  if (!isBare || name === undefined) return error;
  const { path, dest } = name;
  return Object.assign(error, dest === undefined ? { path } : { path, dest });
}

/**
 * A hidden name for what is not whole yet (`partial`), or is about to be replaced (`former`) or removed. It
 * is to be made in a way that fails where the name is taken, and so need not be a secret: `node:crypto` is
 * slow to load.
 */
export function hiddenName(what: 'partial' | 'former' | 'removed'): string {
  return `.vzdump-format-${eightDigits()}${eightDigits()}.${what}`;
}

function eightDigits(): string {
  return Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

/**
 * The system's own call that renames a file and never replaces another.
 * @returns whether there is such a call, and the file system knows it
 * @throws the system's error, `EEXIST` when the name is taken
 */
export type RenameNoReplace = (from: string, to: string) => boolean;

let systemCall: RenameNoReplace = () => false;

/** Has `renameToNew` use a call that Node does not have; `@vzdump-format/posix` does, which knows it. */
export function useRenameNoReplace(call: RenameNoReplace): void {
  systemCall = call;
}

/** How a file system without hard links answers `link`; EOPNOTSUPP is ENOTSUP in Node on Linux. */
const WITHOUT_HARD_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);

/**
 * A rename that never replaces: `link` fails where the name is taken, which `rename` would not. Where there
 * are no hard links, the system has another call for it; where that is not known either (as on pmxcfs), an
 * empty file reserves the name.
 * @throws `FILE_EXISTS`; the system's error
 */
export async function renameToNew(from: string, to: string): Promise<void> {
  try {
    if (await linked(from, to)) await unlink(from);
    else if (!systemCall(from, to)) await renameToReserved(from, to);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? fileExists(to) : error;
  }
}

/** @returns whether there are hard links */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && (await isTaken(to))) throw fileExists(to);
    if (!WITHOUT_HARD_LINKS.has(code)) throw error;
    return false;
  }
}

async function renameToReserved(from: string, to: string): Promise<void> {
  await (await open(to, 'wx')).close();
  try {
    await rename(from, to);
  } catch (error) {
    if (await isTaken(from)) await unlink(to); // else it is done, though the call says that it failed
    throw error;
  }
}

/** Whether the name is taken, be it by a symlink that points nowhere. */
export async function isTaken(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

export function fileExists(path: string): ArchiveError {
  return new ArchiveError('FILE_EXISTS', `${path} exists already`, {
    entry: path,
    hint: 'choose another name, or replace it with --force',
  });
}

/**
 * Whether a file has this name. It may, though the call that was to give it the name has failed: the server
 * of a network file system can die between what it does and its answer.
 */
export async function isFileAt(path: string, file: BigIntStats): Promise<boolean> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  return found?.ino === file.ino && found.dev === file.dev;
}
