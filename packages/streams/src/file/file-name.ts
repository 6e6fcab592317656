import type { FileHandle } from 'node:fs/promises';

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
