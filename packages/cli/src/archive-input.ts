import { fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { indexArchive, type OpenArchive, openArchive, type StoredArchive } from '@vzdump-format/archives';
import { setPipeSize } from '@vzdump-format/posix';
import { ArchiveError, readPipe } from '@vzdump-format/streams';
import type { CommandContext } from './command.js';
import type { ArchiveInputOptions, IndexInputOptions } from './options/options.js';
import { UsageError } from './output/exit-status.js';
import { describeError } from './output/messages.js';
import { PIPE_SIZE } from './output/output.js';
import { formatBytes } from './output/progress.js';

const STDIN = 0;

export interface ReadingOptions {
  /** See `OpenArchiveOptions`. */
  readonly parts?: boolean;
  /** See `OpenArchiveOptions`; yes unless given, or `--no-index` is. */
  readonly useIndex?: boolean;
  /**
   * Whether so little of an archive is asked for that an index is made first, where that is what it takes to
   * enter it in the middle; no unless given. Goes with `parts`.
   */
  readonly wantsLittle?: (archive: OpenArchive) => boolean | Promise<boolean>;
}

/**
 * Opens the archive that an argument names (`-` is standard input), and closes it when `use` is done.
 */
export async function withArchive<Result>(
  input: string | StoredArchive,
  options: ArchiveInputOptions & IndexInputOptions,
  context: CommandContext,
  use: (archive: OpenArchive) => Promise<Result>,
  { parts = false, useIndex = options.index !== false, wantsLittle }: ReadingOptions = {},
): Promise<Result> {
  const path = typeof input === 'string' ? input : input.path;
  const open = (onWarning: CommandContext['onWarning'] | undefined) =>
    openArchive(input === '-' ? binaryInput(context.signal) : input, {
      ...{ parts, useIndex, indexDirectory: options.indexDir },
      ...{ maxWindowLog: options.long, payload: options.payload },
      ...{ onWarning, signal: context.signal },
    });
  try {
    let archive = await open(context.onWarning);
    try {
      const isFromBeginning = archive.source === undefined && archive.again !== undefined;
      const wouldServe = parts && useIndex && isFromBeginning && (await isWorthAnIndex(path));
      if (wouldServe && (await wantsLittle?.(archive)) && (await makeIndex(path, options, context))) {
        await archive.close();
        archive = await open(undefined); // all there is to warn of is told
      }
      return await use(archive);
    } finally {
      await archive.close();
    }
  } catch (error) {
    throw sayWhere(withWayOut(error), path === '-' ? 'standard input' : path);
  }
}

/** What is wrong with an index alone need not hinder anybody. */
function withWayOut(error: unknown): unknown {
  if (!(error instanceof ArchiveError) || !error.code.startsWith('INDEX_')) return error;
  return Object.assign(error, { hint: 'read it with --no-index, or make the index anew: index --force' });
}

/** Less is decompressed within a second. */
const LEAST_FOR_AN_INDEX = 64 << 20;

async function isWorthAnIndex(path: string): Promise<boolean> {
  return (await stat(path)).size >= LEAST_FOR_AN_INDEX;
}

/**
 * Tells what it costs, once it has begun. Where there can be none, the archive is read from its beginning,
 * which tells whatever is wrong with it where that matters.
 * @returns whether there is one now
 */
async function makeIndex(
  path: string,
  { long: maxWindowLog, indexDir: indexDirectory }: ArchiveInputOptions & IndexInputOptions,
  context: CommandContext,
): Promise<boolean> {
  const { onWarning, signal } = context;
  let isTold = false;
  const onProgress = (bytes: number, total: number) => {
    if (!isTold) {
      context.inform(
        `making an index of ${path}, so that this and later reads are quick: one pass over its ${formatBytes(total)}, which takes about as long as to decompress it; --no-index reads from the start instead`,
      );
      context.beginProgress({ text: 'index', document: {} });
      isTold = true;
    }
    context.onProgress(bytes, total);
  };
  try {
    await indexArchive(path, { indexDirectory, maxWindowLog, onWarning, onProgress, signal });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = describeError(error);
    if (code === 'NOT_SEEKABLE' && !isTold) return false;
    const isDamaged = error instanceof ArchiveError && !(code === 'NOT_SEEKABLE' || code === 'FILE_EXISTS');
    onWarning({
      code: 'INDEX_NOT_MADE',
      message: `${path} is read from its beginning, as no index of it can be made: ${message}`,
      entry: path,
      isNotice: !isDamaged,
    });
    return false;
  } finally {
    if (isTold) context.endProgress({ leavesLine: false });
  }
}

/** Whether drives are less than half of an archive's; of a tree, what is asked for is taken for little. */
export async function areLittleOf(
  { format, ...archive }: OpenArchive,
  isWanted: (drive: { readonly id: number; readonly name: string }) => boolean,
): Promise<boolean> {
  if (format.kind === 'tree') return true;
  const { devices } = await format.list({ ...archive, bytes: archive.again!() }, {});
  const sizeOf = (drives: typeof devices) => drives.reduce((sum, { size }) => sum + size, 0);
  return sizeOf(devices.filter(isWanted)) * 2 < sizeOf(devices);
}

/** Standard input. An abort ends the wait for more of it, which may be endless. */
export function binaryInput(signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (process.getBuiltinModule('node:tty').isatty(STDIN)) {
    throw new UsageError('an archive cannot be read from a terminal', 'give a path, or pipe the archive in');
  }
  if (!fstatSync(STDIN).isFIFO()) return addAbortSignal(signal, process.stdin);
  setPipeSize(STDIN, PIPE_SIZE);
  return readPipe(STDIN, signal);
}

/** Puts the archive's name before what is wrong with it, unless it is there already. */
export function sayWhere(error: unknown, name: string): unknown {
  if (error instanceof ArchiveError) {
    if (!error.message.startsWith(name)) error.message = `${name}: ${error.message}`;
  } else if (error instanceof Error && 'syscall' in error && error.syscall === 'read' && !('path' in error)) {
    return Object.assign(error, { path: name });
  }
  return error;
}
