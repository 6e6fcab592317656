import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import {
  ArchiveError,
  type OnWarning,
  PendingFile,
  type Piece,
  type WriteAt,
  writeToFile,
  writeToStream,
} from '@vzdump-format/streams';

export interface WriteOutputOptions {
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  /** See `PendingFileOptions`. */
  readonly partialPath?: string | undefined;
  /** Told of a file's name until it is whole, once it is there. */
  readonly onPartial?: ((path: string) => void) | undefined;
  /** How a file is written (see `blockingWriter`); `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
  /** Told of what fails once a file has its name, see `PendingFile`. */
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Writes to a path, which gets its name when all is written, or to a stream, which is left open.
 * @returns the bytes written
 * @throws what the bytes' source throws; `OUTPUT_KIND`, `FILE_EXISTS`; the system's error, see `PendingFile`
 */
export async function writeOutput(
  bytes: AsyncIterable<Piece>,
  output: string | Writable,
  options: WriteOutputOptions = {},
): Promise<number> {
  if (typeof output !== 'string') return writeToStream(bytes, output);
  return writeFile(bytes, output, options);
}

async function writeFile(
  bytes: AsyncIterable<Piece>,
  path: string,
  { overwrite = false, partialPath, onPartial, writeAt, onWarning }: WriteOutputOptions,
): Promise<number> {
  await requireReplaceable(path);
  const file = await PendingFile.create(path, { overwrite, partialPath, onWarning });
  try {
    onPartial?.(file.partialPath);
    const written = await writeToFile(bytes, file.handle, writeAt);
    await file.commit();
    return written;
  } finally {
    await file.discard();
  }
}

/**
 * A file takes the place of what has its name: that must not be, nor stand for, a device, a directory or an
 * open file.
 */
export async function requireReplaceable(path: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing === undefined || (existing.isFile() && !(await namesOpenFile(path)))) return;
  throw new ArchiveError('OUTPUT_KIND', `${path} is there, and not a regular file`, {
    entry: path,
    hint: 'to write to a device or a pipe, pack to - and redirect it: > PATH',
  });
}

/** Whether the path of a file is that of a descriptor, as `/dev/stdout` and `/dev/fd/3`. */
async function namesOpenFile(path: string): Promise<boolean> {
  for (let place = path; ; place = resolve(dirname(place), await readlink(place))) {
    if ((await realpath(dirname(place))).startsWith('/proc/')) return true;
    if (!(await lstat(place)).isSymbolicLink()) return false;
  }
}
