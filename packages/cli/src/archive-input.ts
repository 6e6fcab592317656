import { fstatSync } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { type OpenArchive, openArchive } from '@vzdump-format/archives';
import { setPipeSize } from '@vzdump-format/posix';
import { ArchiveError, readPipe } from '@vzdump-format/streams';
import type { CommandContext } from './command.js';
import type { ArchiveInputOptions } from './options/options.js';
import { UsageError } from './output/exit-status.js';
import { PIPE_SIZE } from './output/output.js';

const STDIN = 0;

/**
 * Opens the archive that an argument names (`-` is standard input), and closes it when `use` is done.
 * @param parts see `OpenArchiveOptions`
 */
export async function withArchive<Result>(
  path: string,
  options: ArchiveInputOptions,
  context: CommandContext,
  use: (archive: OpenArchive) => Promise<Result>,
  parts = false,
): Promise<Result> {
  try {
    const archive = await openArchive(path === '-' ? binaryInput(context.signal) : path, {
      maxWindowLog: options.long,
      payload: options.payload,
      parts,
      onWarning: context.onWarning,
      signal: context.signal,
    });
    try {
      return await use(archive);
    } finally {
      await archive.close();
    }
  } catch (error) {
    throw sayWhere(error, path === '-' ? 'standard input' : path);
  }
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
