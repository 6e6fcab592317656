import { resolve } from 'node:path';
import { ArchiveError } from '@vzdump-format/streams';
import { checkNotesTemplate } from '../backups/notes-template.js';
import { checkCommandLine, type EffectiveOptions, effectiveOptions } from '../config/effective-options.js';
import { PveRoot } from '../config/pve-root.js';
import { readVzdumpConf } from '../config/read-vzdump-conf.js';
import { type GuestSelection, selectGuests } from '../config/select-guests.js';
import type { StorageConfig } from '../config/storage-config.js';
import { warnOfDeprecated } from '../config/vzdump-conf.js';
import { type VzdumpOptions, vzdumpOption } from '../config/vzdump-options.js';
import { HookScript } from './hook-script.js';
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
 * @returns `undefined` when that is nothing: the job is for another node, or none of the guests is on this one
 * @throws `OPTION_CONFLICT`, `OPTION_REQUIRES`, `NOTES_TEMPLATE`, `HOOK_SCRIPT`, `PVE_ROOT`, `POOL_UNKNOWN`
 */
export async function planDump(sources: PlanSources, log: JobLog): Promise<DumpPlan | undefined> {
  const { vmids, pveRoot, configFile } = sources;
  const commandLine = withAbsolutePaths(sources.commandLine);
  checkCommandLine(commandLine, vmids.length > 0);
  const { onWarning } = log;
  const root = await PveRoot.open(pveRoot === undefined ? undefined : resolve(pveRoot), { onWarning });
  if (commandLine.node !== undefined && commandLine.node !== root.node) return undefined;
  for (const name of Object.keys(commandLine)) warnOfDeprecated(vzdumpOption(name)!, onWarning);
  const file = await readVzdumpConf(configFile, onWarning);
  const storages = await root.storages();
  const storageRetention = (id: string) => storages.get(id)?.retention;
  const options = effectiveOptions({ commandLine, file, storageRetention });
  if (options['notes-template'] !== undefined) checkNotesTemplate(options['notes-template']);
  const selection = selectGuests(vmids, commandLine, await root.knownGuests());
  requireOneForStdout(options, selection);
  const hooks = await HookScript.of(options.script);
  if (selection.vmids.length === 0 && options.all !== true) return undefined;
  return { vmids, root, storages, commandLine, options, selection, hooks };
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
