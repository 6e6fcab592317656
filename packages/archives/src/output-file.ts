import { type BigIntStats, fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { lstat, readlink, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { type ExcludeRules, excludingAlso } from '@vzdump-format/file-tree';
import { pathToBytes, printableName } from '@vzdump-format/posix';
import {
  ArchiveError,
  type OnWarning,
  PendingFile,
  type WriteAt,
  writeToFile,
  writeToStream,
} from '@vzdump-format/streams';
import { indexesOf } from './find-index.js';

/** Takes the bytes of an archive, and keeps them if they end well. @returns the bytes written */
export type OutputSink = (
  bytes: AsyncIterable<Uint8Array>,
  options: Pick<WriteOutputOptions, 'onPartial' | 'writeAt'>,
) => Promise<number>;

/** A path, which gets its name when all is written, a stream, which is left open, or a sink. */
export type ArchiveOutput = string | Writable | OutputSink;

export interface WriteOutputOptions {
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  /** Told of a file's name until it is whole, once it is there. */
  readonly onPartial?: ((path: string) => void) | undefined;
  /** How a file is written (see `blockingWriter`); `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
  /** Told of what fails once a file has its name, see `PendingFile`. */
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Writes to what takes an archive.
 * @returns the bytes written
 * @throws what the bytes' source or a sink throws; `OUTPUT_KIND`, `FILE_EXISTS`; the system's error, see
 * `PendingFile`
 */
export async function writeOutput(
  bytes: AsyncIterable<Uint8Array>,
  output: ArchiveOutput,
  options: WriteOutputOptions = {},
): Promise<number> {
  if (typeof output === 'string') return writeFile(bytes, output, options);
  return typeof output === 'function' ? output(bytes, options) : writeToStream(bytes, output);
}

async function writeFile(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  { overwrite = false, onPartial, writeAt, onWarning }: WriteOutputOptions,
): Promise<number> {
  await requireReplaceableFile(path);
  const file = await PendingFile.create(path, { overwrite, onWarning });
  try {
    onPartial?.(file.partialPath);
    const written = await writeToFile(bytes, file.handle, writeAt);
    const formerIndexes = overwrite ? await indexesOf(path) : [];
    await file.commit();
    for (const index of formerIndexes) await removeFormerIndex(index, onWarning);
    return written;
  } finally {
    await file.discard();
  }
}

/** The index of a file that was replaced: nobody would trust it, but it would be in the way. */
async function removeFormerIndex(path: string, onWarning: OnWarning | undefined): Promise<void> {
  await rm(path, { force: true }).catch((error: Error) => {
    const message = `the index of the file that was replaced is left: ${error.message}`;
    onWarning?.({ code: 'FILE_LEFTOVER', message, entry: path });
  });
}

/**
 * A file takes the place of what has its name: that must not be, nor stand for, a device, a directory or an
 * open file.
 */
export async function requireReplaceableFile(path: string): Promise<void> {
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

/**
 * The files that an archive is written to, which may lie in the tree that is packed into it. There they are
 * left out, as by GNU tar, with the notice `OUTPUT_IN_TREE`.
 */
export class OutputExclusion {
  private readonly files: { readonly name: string; readonly status: BigIntStats }[] = [];

  constructor(
    private readonly root: string,
    private readonly onWarning: OnWarning | undefined,
  ) {}

  /** Takes note of a file that is there by now. */
  readonly add = (path: string): void => {
    this.files.push({ name: basename(path), status: lstatSync(path, { bigint: true }) });
  };

  /** The same for what a shell has redirected to a file, where the system tells its name. */
  addStream(stream: Writable): void {
    const { fd } = stream as Writable & { readonly fd?: unknown };
    if (typeof fd !== 'number' || !fstatSync(fd).isFile()) return;
    try {
      this.add(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      // it has no name any more, or there is no proc
    }
  }

  /** Rules by which these files are left out, too. They are asked while the files are written. */
  without(rules: ExcludeRules): ExcludeRules {
    return excludingAlso(rules, (path) => this.holds(path));
  }

  private holds(path: string): boolean {
    for (const { name, status } of this.files) {
      if (path.endsWith(name) && this.is(path, name, status)) return true;
    }
    return false;
  }

  private is(path: string, name: string, file: BigIntStats): boolean {
    if (path.length > name.length && path[path.length - name.length - 1] !== '/') return false;
    const options = { bigint: true, throwIfNoEntry: false } as const;
    const status = lstatSync(pathToBytes(join(this.root, path)), options);
    if (status?.ino !== file.ino || status.dev !== file.dev) return false;
    const message = `${printableName(path)} is what the archive is written to, and left out`;
    this.onWarning?.({ code: 'OUTPUT_IN_TREE', message, entry: path, isNotice: true });
    return true;
  }
}
