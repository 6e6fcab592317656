import { ArchiveError } from '@vzdump-format/streams';
import { type OpenArchive, openArchive } from '@vzdump-format/vzdump';
import type { CommandContext } from './command.js';
import { UsageError } from './exit-status.js';
import type { LongWindowOption } from './options.js';

/** Opens the archive that an argument names (`-` is standard input), and closes it when `use` is done. */
export async function withArchive<Result>(
  path: string,
  options: LongWindowOption,
  context: CommandContext,
  use: (archive: OpenArchive) => Promise<Result>,
): Promise<Result> {
  if (path === '-' && process.stdin.isTTY) {
    throw new UsageError('an archive cannot be read from a terminal', 'give a path, or pipe the archive in');
  }
  try {
    const archive = await openArchive(path === '-' ? process.stdin : path, {
      maxWindowLog: options.long,
      onWarning: context.onWarning,
      signal: context.signal,
    });
    return await use(archive).finally(() => archive.close());
  } catch (error) {
    if (error instanceof ArchiveError) {
      error.message = `${path === '-' ? 'standard input' : path}: ${error.message}`;
    }
    throw error;
  }
}
