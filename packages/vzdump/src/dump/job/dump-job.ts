import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { CompressChoice } from '@vzdump-format/codecs';
import { makeDirectories, printableName } from '@vzdump-format/posix';
import {
  checkCommandLine,
  checkNotesTemplate,
  chosenGuests,
  contentDirectory,
  type DirectoryStorage,
  type EffectiveOptions,
  effectiveOptions,
  type GuestSelection,
  type GuestType,
  PveRoot,
  readVzdumpConf,
  requireBackupStorage,
  type StorageConfig,
  selectGuests,
  type VzdumpOptions,
} from '@vzdump-format/pve';
import { type BackupStore, DirectoryStore } from '@vzdump-format/stores';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { GuestMethods } from '../../guest-access/guest-access.js';
import type { OnDumpEvent } from '../dump-options.js';
import { HookScript } from '../hook-script.js';
import type { JobLog } from '../log.js';
import type { Journal } from './journal.js';

/** What a job is to do, before any of it is done. */
export interface DumpPlan {
  /** The guests that were named. */
  readonly vmids: readonly number[];
  readonly root: PveRoot;
  readonly storages: StorageConfig;
  /** The options as they were given. */
  readonly commandLine: VzdumpOptions;
  /** The options with what vzdump.conf, the storage and the defaults add to them. */
  readonly options: EffectiveOptions;
  readonly selection: GuestSelection;
  readonly hooks: HookScript;
}

export interface PlanSources {
  readonly vmids: readonly number[];
  readonly commandLine: VzdumpOptions;
  readonly pveRoot: string | undefined;
  readonly configFile: string | undefined;
}

/**
 * Decides what is to be done.
 * @returns `undefined` when that is nothing, which is a warning where guests were asked for
 * @throws `OPTION_CONFLICT`, `OPTION_REQUIRES`, `NOTES_TEMPLATE`, `HOOK_SCRIPT`, `PVE_ROOT`, `POOL_UNKNOWN`
 */
export async function planDump(sources: PlanSources, log: JobLog): Promise<DumpPlan | undefined> {
  const { vmids, pveRoot, configFile } = sources;
  const commandLine = withAbsolutePaths(sources.commandLine);
  const { onWarning } = log;
  const file = await readVzdumpConf(configFile, onWarning);
  checkCommandLine(commandLine, vmids.length > 0, file);
  log.isQuiet = commandLine.quiet ?? file.quiet ?? false;
  const root = await PveRoot.open(pveRoot === undefined ? undefined : resolve(pveRoot), { onWarning });
  const { node } = commandLine;
  if (node !== undefined && node !== root.node) {
    warnOfNothing(`the job is for the node '${node}', and this is '${root.node}'`, log);
    return undefined;
  }
  const storages = await root.storages();
  const storageRetention = (id: string) => storages.get(id)?.retention;
  const options = effectiveOptions({ commandLine, file, storageRetention, onWarning });
  if (options['notes-template'] !== undefined) checkNotesTemplate(options['notes-template']);
  const selection = selectGuests(vmids, chosenGuests(commandLine, file), await root.knownGuests());
  requireOneForStdout(options, selection);
  const hooks = await HookScript.of(options.script);
  if (selection.whyNone !== undefined) warnOfNothing(selection.whyNone, log);
  if (selection.vmids.length === 0 && options.all !== true) return undefined;
  return { vmids, root, storages, commandLine, options, selection, hooks };
}

/** A job that backs up nothing looks like one that does. */
function warnOfNothing(why: string, log: JobLog): void {
  log.warn(`nothing is backed up: ${why}`);
}

/** The journal names paths, and the next job has to find what they name. */
function withAbsolutePaths(options: VzdumpOptions): VzdumpOptions {
  const { dumpdir, tmpdir, script } = options;
  return {
    ...options,
    ...(dumpdir === undefined ? {} : { dumpdir: resolve(dumpdir) }),
    ...(tmpdir === undefined ? {} : { tmpdir: resolve(tmpdir) }),
    ...(script === undefined ? {} : { script: resolve(script) }),
  };
}

function requireOneForStdout({ stdout }: EffectiveOptions, { vmids }: GuestSelection): void {
  if (stdout !== true || vmids.length <= 1) return;
  throw new ArchiveError('OPTION_CONFLICT', 'standard output takes the archive of exactly one guest', {
    hint: `these would be ${vmids.length}: ${vmids.slice(0, 5).join(', ')}${vmids.length > 5 ? ', …' : ''}`,
  });
}

/** Where archives go. */
export interface DumpTarget {
  readonly storage: DirectoryStorage | undefined;
  /** The store's directory, as hook scripts are told it. */
  readonly directory: string | undefined;
  /** Takes archives, logs and notes; `undefined` where all goes to standard output. */
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
