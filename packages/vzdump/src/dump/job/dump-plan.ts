import { resolve } from 'node:path';
import type { StorageConfig, VzdumpOptions } from '@vzdump-format/pve';
import {
  checkCommandLine,
  checkNotesTemplate,
  chosenGuests,
  type EffectiveOptions,
  effectiveOptions,
  type GuestSelection,
  PveRoot,
  readVzdumpConf,
  selectGuests,
} from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { HookScript } from '../hook-script.js';
import type { JobLog } from './job-log.js';

/** What a job is to do, before any of it is done. */
export interface DumpPlan {
  /** The guests that were named. */
  readonly vmids: readonly number[];
  readonly root: PveRoot;
  readonly storages: StorageConfig;
  /** As it was given. */
  readonly commandLine: VzdumpOptions;
  /** With what vzdump.conf, the storage and the defaults say. */
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

/** What is written down for the next job has to be found by that. */
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
