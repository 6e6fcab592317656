import { basename } from 'node:path';
import { type IndexedArchive, indexArchive } from '@vzdump-format/archives';
import { checkedSpan } from '@vzdump-format/codecs';
import { parseSize } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { sayWhere } from '../archive-input.js';
import type { Command, CommandContext } from '../command.js';
import {
  type CommonOptions,
  forceOption,
  type IndexDirectoryOption,
  indexDirectoryOption,
  type LongWindowOption,
  longWindowOption,
} from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { describeError } from '../output/messages.js';
import { printJson } from '../output/output.js';
import { formatBytes } from '../output/progress.js';

interface Options extends CommonOptions, IndexDirectoryOption, LongWindowOption {
  readonly force?: boolean;
  readonly span?: number;
}

/** An index, as `--json` prints it. */
export interface IndexDocument {
  readonly path: string;
  readonly size: number;
  /** Whether it was not there before. */
  readonly made: boolean;
}

/** Nothing of an archive that needs none. */
export function indexDocument(indexed: IndexedArchive): IndexDocument | undefined {
  if (indexed.kind === 'needless') return undefined;
  return { path: indexed.path, size: indexed.size, made: indexed.kind === 'made' };
}

/** What came of one archive. */
interface Outcome {
  readonly path: string;
  readonly ok: boolean;
  readonly index?: IndexDocument | undefined;
  readonly errors: readonly { readonly code: string | undefined; readonly message: string }[];
}

export const index: Command<Options> = {
  name: 'index',
  summary: 'make an index of each compressed archive that needs one to be read at any offset',
  arguments: [{ name: '<archive...>', description: 'the archives, files', values: 'file' }],
  options: [
    {
      flags: '--span <size>',
      description:
        'how much is decompressed to have one byte, as 8M, which it is unless given: the more, the smaller is the index; 256K to 32M',
      parse: spanOf,
    },
    indexDirectoryOption,
    { ...forceOption, description: 'make it anew where there is one, and replace what has its name' },
    longWindowOption,
  ],
  examples: [
    'vzdump-format index backup.vma.gz',
    'vzdump-format index /var/lib/vz/dump/*.zst --span 32M --index-dir /srv/indexes',
  ],

  async run(paths, options, context) {
    if (paths.includes('-')) throw new UsageError('an index is of a file, and kept beside it: name the file');
    const outcomes: Outcome[] = [];
    const failures: unknown[] = [];
    for (const [at, path] of paths.entries()) {
      if (paths.length > 1) context.beginProgress(subjectOf(path, at + 1, paths.length));
      outcomes.push(
        await indexOne(path, options, {
          ...context,
          // With --json the last line on stderr is an error if there is one.
          onError: options.json ? (error) => failures.push(error) : context.onError,
        }),
      );
      context.endProgress({ leavesLine: false });
    }
    if (options.json) await printJson({ archives: outcomes });
    for (const failure of failures) context.onError(failure);
  },
};

/** @throws UsageError */
function spanOf(text: string): number {
  try {
    return checkedSpan(parseSize(text) ?? Number.NaN);
  } catch {
    throw new UsageError(`--span takes a size of 256K to 32M, as 8M, not '${text}'`);
  }
}

function subjectOf(path: string, archive: number, archives: number) {
  return { text: `${basename(path)} (${archive} of ${archives})`, document: { archive, archives } };
}

/** Never throws for what is wrong with one archive, so that the next one gets its turn. */
async function indexOne(path: string, options: Options, context: CommandContext): Promise<Outcome> {
  const { force: overwrite = false, long: maxWindowLog, indexDir: indexDirectory, span } = options;
  const { onWarning, onProgress, signal } = context;
  try {
    const indexed = await indexArchive(path, {
      ...{ overwrite, maxWindowLog, indexDirectory, span },
      ...{ onWarning, onProgress, signal },
    });
    if (!options.json) context.inform(indexInWords(indexed, path));
    return { path, ok: true, index: indexDocument(indexed), errors: [] };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof ArchiveError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    const said = sayWhere(error, path);
    context.onError(said);
    const { code, message } = describeError(said);
    return { path, ok: false, errors: [{ code, message }] };
  }
}

/** A line for people. */
export function indexInWords(indexed: IndexedArchive, path: string): string {
  if (indexed.kind === 'needless') return `${path} needs no index: it can be read at any offset as it is`;
  const size = formatBytes(indexed.size);
  return indexed.kind === 'made' ? `${indexed.path}: ${size}` : `${indexed.path}: ${size}, as it was`;
}
