import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import type { CompressChoice } from '@vzdump-format/codecs';
import { makeDirectories, printableName } from '@vzdump-format/posix';
import {
  contentDirectory,
  type DirectoryStorage,
  type EffectiveOptions,
  type GuestType,
  type PveRoot,
  requireBackupStorage,
  type StorageConfig,
} from '@vzdump-format/pve';
import { type BackupStore, DirectoryStore } from '@vzdump-format/stores';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { GuestMethods } from '../../guest-access/guest-access.js';
import type { OnDumpEvent } from '../dump-event.js';
import type { HookScript } from '../hook-script.js';
import type { DumpPlan } from './dump-plan.js';
import type { JobLog } from './job-log.js';
import type { Journal } from './journal.js';

/** Where archives go. */
export interface DumpTarget {
  readonly storage: DirectoryStorage | undefined;
  /** That of the store, as hook scripts are told it. */
  readonly directory: string | undefined;
  /** Of archives, logs and notes; `undefined` where all goes to standard output. */
  readonly store: BackupStore | undefined;
  /** Where the archive goes, instead of into a file. */
  readonly output: Writable | undefined;
}

/** What the backups of a job's guests have in common. */
export interface DumpJob {
  readonly root: PveRoot;
  readonly storages: StorageConfig;
  readonly options: EffectiveOptions;
  readonly target: DumpTarget;
  readonly compression: CompressChoice;
  readonly hooks: HookScript;
  readonly methods: Readonly<Record<GuestType, GuestMethods>>;
  readonly journal: Journal;
  readonly log: JobLog;
  /** Where guests' logs are kept. */
  readonly logDirectory: string | undefined;
  /** Is given each guest's log, for a mail. */
  readonly onGuestLog: ((vmid: number, text: string | undefined) => void) | undefined;
  readonly onEvent: OnDumpEvent | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Where the job's archives go. A storage has to be there; its directory for backups is made.
 * @throws `STORAGE_UNKNOWN` and the like, `DUMP_DIRECTORY`
 */
export async function openTarget(plan: DumpPlan, output: Writable | undefined): Promise<DumpTarget> {
  const { root, storages, options } = plan;
  const { storage: id, dumpdir } = options;
  if (id === undefined) {
    if (dumpdir !== undefined) await requireDirectory(dumpdir, 'dumpdir', 'give one that is there');
    debugLog('backups go to %s', dumpdir ?? 'standard output');
    const store = dumpdir === undefined ? undefined : new DirectoryStore(dumpdir);
    return { storage: undefined, directory: dumpdir, store, output };
  }
  const storage = requireBackupStorage(storages, id, root.node);
  await requireDirectory(storage.path, `the path of storage '${id}'`, 'is it mounted?');
  const directory = contentDirectory(storage, 'backup');
  debugLog('backups go to %s, of the storage %s', directory, id);
  makeDirectories(directory);
  return { storage, directory, store: new DirectoryStore(directory), output };
}

async function requireDirectory(path: string, what: string, hint: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  const state = found === undefined ? 'does not exist' : 'is not a directory';
  throw new ArchiveError('DUMP_DIRECTORY', `${what} '${printableName(path)}' ${state}`, {
    entry: path,
    hint,
  });
}
