import { stat } from 'node:fs/promises';
import { indexWhileReading, type OpenArchive, type StoredArchive } from '@vzdump-format/archives';
import { pathToBytes } from '@vzdump-format/posix';
import { isBackupVolume, locateBackup } from '@vzdump-format/pve';
import { locateStore } from '@vzdump-format/stores';
import { ArchiveError, type ArchiveWarning, Meter, metered } from '@vzdump-format/streams';
import { withArchive } from '../archive-input.js';
import type { Command, CommandContext } from '../command.js';
import {
  type ArchiveInputOptions,
  archiveInputOptions,
  type CommonOptions,
  type IndexDirectoryOption,
  indexDirectoryOption,
  type PveRootOption,
  pveRootOption,
} from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { describeError } from '../output/messages.js';
import { printJson, printLines } from '../output/output.js';
import { formatBytes } from '../output/progress.js';
import { type IndexDocument, indexDocument } from './index-command.js';

type Options = CommonOptions &
  ArchiveInputOptions &
  IndexDirectoryOption &
  PveRootOption & { readonly index?: boolean };

interface Finding {
  readonly code: string | undefined;
  readonly message: string;
  readonly offset?: number | undefined;
  readonly entry?: string | undefined;
}

interface Verdict {
  readonly path: string;
  readonly ok: boolean;
  /** Unknown when it could not be found out. */
  readonly format: string | undefined;
  readonly codec: string | undefined;
  /** Of the uncompressed archive, read before an error or the end. */
  readonly bytes: number;
  /** With `--index`, of an archive that needs one. */
  readonly index?: IndexDocument | undefined;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
}

export const verify: Command<Options> = {
  name: 'verify',
  summary: 'read archives and prove what can be proven of them',
  arguments: [
    {
      name: '<archive...>',
      description:
        'the archives, - being standard input; or volumes as local:backup/NAME; or directories, or ids of storages, of which all backups are meant',
      values: 'file',
    },
  ],
  options: [
    {
      flags: '--index',
      description: 'on the way, make an index of each archive that needs one to be read at any offset',
    },
    pveRootOption,
    indexDirectoryOption,
    ...archiveInputOptions,
  ],
  examples: [
    'vzdump-format verify backup.vma.zst backup.tar.zst',
    'vzdump-format verify /var/lib/vz/dump --index',
    'vzdump-format verify local',
  ],

  async run(names, options, context) {
    const paths: string[] = [];
    for (const name of names) paths.push(...(await archivesOf(name, options, context)));
    if (options.payload !== undefined && paths.length > 1) {
      throw new UsageError('--payload is of one archive: verify the others by themselves');
    }
    const verdicts: Verdict[] = [];
    const failures: unknown[] = [];
    for (const path of paths) {
      const verdict = await judge(path, options, {
        ...context,
        // With --json the last line on stderr is an error if there is one.
        onError: options.json ? (error) => failures.push(error) : context.onError,
      });
      verdicts.push(verdict);
      if (!options.json && !options.quiet && verdict.ok) {
        await printLines([
          `${path}: ok (${verdict.format}, ${verdict.codec}, ${formatBytes(verdict.bytes)})`,
        ]);
      }
    }
    if (options.json) await printJson({ archives: verdicts });
    for (const failure of failures) context.onError(failure);
  },
};

/** What a name stands for: one archive, or all backups in a place. */
async function archivesOf(
  name: string,
  { pveRoot }: Options,
  { onWarning, signal }: CommandContext,
): Promise<readonly string[]> {
  if (name === '-') return [name];
  if (isBackupVolume(name)) return [(await locateBackup(name, { pveRoot, onWarning })).path];
  const { store } = await locateStore(name, { pveRoot, onWarning });
  const { location } = store;
  if (!(await isDirectory(location))) return [location];
  const backups = await store.list({ onWarning, signal });
  if (backups.length === 0) {
    const message = `nothing is verified: there are no backups in ${location}`;
    onWarning({ code: 'BACKUPS_NONE', message, entry: location });
  }
  return backups.map((backup) => backup.path);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(pathToBytes(path)).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/** Never throws for what is wrong with one archive, so that the next one gets its turn. */
async function judge(path: string, options: Options, context: CommandContext): Promise<Verdict> {
  const errors: Finding[] = [];
  const warnings: Finding[] = [];
  const meter = new Meter();
  let opened: OpenArchive | undefined;
  let index: IndexDocument | undefined;
  const onWarning = (warning: ArchiveWarning) => {
    if (!warning.isNotice) warnings.push(warning);
    context.onWarning(warning);
  };
  const told = { ...context, onWarning };
  const prove = async (archive: OpenArchive) => {
    opened = archive;
    const bytes = metered(meter)(archive.bytes);
    await archive.format.verify({ ...archive, bytes }, told);
  };
  // By an index, what stands between its parts would not be looked at.
  const read = (input: string | StoredArchive) =>
    withArchive(input, options, told, prove, { useIndex: false });
  try {
    if (options.index && path !== '-') index = await indexOnTheWay(path, options, told, read);
    else await read(path);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof ArchiveError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    const { code, message, offset, entry } = describeError(error);
    errors.push({ code, message, offset, entry });
    context.onError(error);
  }
  context.endProgress();
  return {
    ...{ path, ok: errors.length === 0, format: opened?.format.name, codec: opened?.codec.name },
    ...{ bytes: meter.progress.bytes, index, errors, warnings },
  };
}

/** That there is none, though it was asked for, is a warning: it says nothing against the archive. */
async function indexOnTheWay(
  path: string,
  { indexDir: indexDirectory, long: maxWindowLog }: Options,
  { onWarning, signal }: CommandContext,
  read: (archive: StoredArchive) => Promise<void>,
): Promise<IndexDocument | undefined> {
  const { index } = await indexWhileReading(path, { indexDirectory, maxWindowLog, signal }, read);
  if (!('error' in index)) return indexDocument(index);
  const { message } = describeError(index.error);
  onWarning({ code: 'INDEX_NOT_MADE', message: `no index of ${path} is made: ${message}`, entry: path });
  return undefined;
}
