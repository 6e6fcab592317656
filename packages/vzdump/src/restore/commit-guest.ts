import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bytesToPath,
  type Command,
  ifThere,
  isInstalled,
  pathToBytes,
  printableName,
  runTool,
} from '@vzdump-format/posix';
import {
  configValue,
  DEFAULT_PVE_ROOT,
  formatGuestConfig,
  type GuestConfig,
  type GuestType,
  type PveRoot,
  parseVolumeId,
  readConfigFile,
  requireStorage,
  withValue,
} from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { HOST_PROGRAMS, isHostConfiguration } from '../guest-access/host-program.js';
import {
  type ReplacedGuest,
  requireStillFree,
  requireUnchanged,
  requireUnusedVolume,
  sortOldVolumes,
} from './replaced-guest.js';
import type { RestoreJob } from './restore-job.js';

/** A guest whose volumes are whole, and wait for their names. */
export interface WholeGuest {
  readonly config: GuestConfig;
  /** Rules that came with the archive. */
  readonly firewall: Uint8Array | undefined;
  /** Volumes of the configuration by key. */
  readonly volumes: ReadonlyMap<string, string>;
  /** The keys whose content came with the archive. */
  readonly restored: ReadonlySet<string>;
  /** Further volumes that belong to the guest, and stay. */
  readonly orphans: readonly string[];
  readonly replaced: ReplacedGuest | undefined;
}

/**
 * Makes the guest: its volumes get their names, its firewall rules and its configuration are written, and
 * only then the volumes are removed that the new ones replace. If one of the first three steps fails,
 * everything is as it was before.
 */
export async function commitGuest(job: RestoreJob, guest: WholeGuest): Promise<void> {
  const { pveRoot, options } = job;
  options.signal?.throwIfAborted();
  if (guest.replaced !== undefined) await requireUnchanged(job, guest.replaced);
  const inUse = new Set(guest.volumes.values());
  const old = guest.replaced && sortOldVolumes(guest.replaced.config, options.vmid, guest.restored, inUse);
  const others = [...(old?.kept ?? []), ...guest.orphans.filter((volume) => !inUse.has(volume))];
  const unused = [...new Set(others)].filter((volume) => !old?.replaced.includes(volume));
  const config = withUnused(job, guest.config, unused);
  await job.staged.commit();
  await pveRoot.exclusively(() => writeFiles(job, guest, config), options.signal);
  for (const volume of old?.replaced ?? []) await removeOldVolume(job, volume);
  if (options.pool !== undefined) await addToChosenPool(job, options.pool);
}

/** With its configuration, the guest has its number: whoever comes second finds that it is taken. */
async function writeFiles(job: RestoreJob, guest: WholeGuest, config: GuestConfig): Promise<void> {
  const isNew = guest.replaced === undefined;
  if (isNew) await requireStillFree(job, config.type);
  const takeBack = await writeFirewall(job, guest.firewall);
  try {
    await job.pveRoot.writeConfig(job.options.vmid, config, { overwrite: !isNew });
  } catch (error) {
    await afterFailedWrite(job, config, takeBack);
    throw error;
  }
  await job.staged.release();
}

function withUnused(job: RestoreJob, config: GuestConfig, volumes: readonly string[]): GuestConfig {
  let result = config;
  let number = 0;
  for (const volume of volumes) {
    while (configValue(result, `unused${number}`) !== undefined) number++;
    const key = `unused${number}`;
    result = withValue(result, key, volume);
    job.tell({ type: 'unused-volume', key, volume });
  }
  return result;
}

/**
 * Deals with a configuration that could not be written, as far as is known. If it is there nevertheless, or
 * that cannot be told, the volumes that it names stay, for no guest must be without its volumes.
 */
async function afterFailedWrite(
  job: RestoreJob,
  config: GuestConfig,
  takeBack: () => Promise<void>,
): Promise<void> {
  const { pveRoot, options } = job;
  const { vmid, onWarning } = options;
  const path = pveRoot.configPath(config.type, vmid);
  const mayBeThere = await ifThere(readConfigFile(path)).then(
    (bytes) => bytes !== undefined && bytesToPath(bytes) === formatGuestConfig(config),
    () => true,
  );
  if (mayBeThere) {
    const message = `${path} may be written nevertheless: the volumes that it names are kept`;
    onWarning?.({ code: 'RESTORE_LEFTOVER', message, entry: path });
    await job.staged.release();
    return;
  }
  await takeBack().catch((error: Error) => {
    const rules = pveRoot.firewallPath(vmid);
    const message = `${rules} could not be put back as it was: ${error.message}`;
    onWarning?.({ code: 'RESTORE_LEFTOVER', message, entry: rules });
  });
}

/** @returns what puts the rules back that were there before */
async function writeFirewall(
  { pveRoot, options: { vmid, force = false } }: RestoreJob,
  rules: Uint8Array | undefined,
): Promise<() => Promise<void>> {
  if (rules === undefined) return async () => {};
  const before = await pveRoot.readFirewall(vmid);
  await pveRoot.writeFirewall(vmid, rules, { overwrite: force });
  return async () => {
    if (before === undefined) await unlink(pveRoot.firewallPath(vmid));
    else await pveRoot.writeFirewall(vmid, before, { overwrite: true });
  };
}

async function removeOldVolume(job: RestoreJob, volume: string): Promise<void> {
  try {
    const storage = requireStorage(job.storages, parseVolumeId(volume)!.storage, job.pveRoot.node);
    requireUnusedVolume(job, volume);
    await job.allocator.store(storage).remove(volume);
    job.tell({ type: 'old-volume-removed', volume });
  } catch (error) {
    const message = `${printableName(volume)}, which was replaced, could not be removed: ${(error as Error).message}`;
    job.options.onWarning?.({ code: 'RESTORE_LEFTOVER', message, entry: volume });
  }
}

/** A failure is only a warning, for the guest is there without the pool, too. */
async function addToChosenPool({ pveRoot, options }: RestoreJob, pool: string): Promise<void> {
  try {
    await addToPool(pveRoot, pool, options.vmid);
  } catch (error) {
    const message = `${options.vmid} was restored, but not added to its pool: ${(error as Error).message}`;
    options.onWarning?.({ code: 'RESTORE_POOL', message });
  }
}

/** @throws `POOL_UNKNOWN` */
export async function requirePool(pveRoot: PveRoot, pool: string): Promise<void> {
  const pools = await pveRoot.pools();
  if (pools.has(pool)) return;
  throw new ArchiveError('POOL_UNKNOWN', `pool '${printableName(pool)}' does not exist`, {
    hint:
      pools.size === 0 ? 'there are none' : `there are ${[...pools.keys()].map(printableName).join(', ')}`,
  });
}

/** Makes a guest a member of a pool, in its line of user.cfg: `pool:ID:COMMENT:GUEST,GUEST:STORAGE:`. */
async function addToPool(pveRoot: PveRoot, pool: string, vmid: number): Promise<void> {
  await requirePool(pveRoot, pool);
  if ((await pveRoot.pools()).get(pool)?.has(vmid)) return;
  const path = join(pveRoot.directory, 'user.cfg');
  const lines = bytesToPath(await readConfigFile(path)).split('\n');
  const at = lines.findIndex((line) => line.trimStart().startsWith(`pool:${pool}:`));
  const fields = lines[at]!.split(':');
  const guests = (fields[3] ?? '').split(',').filter((each) => each.trim() !== '');
  const changed = [...fields.slice(0, 3), [...guests, String(vmid)].join(','), ...fields.slice(4)];
  while (changed.length < 6) changed.push('');
  await pveRoot.writeFile(path, pathToBytes(lines.with(at, changed.join(':')).join('\n')), {
    overwrite: true,
  });
}

/** Seconds that a start may take: a machine with much memory takes long. */
const TIMEOUT = 300;

/**
 * Makes sure that a guest can be started when it is whole, if it is to be: only a host of Proxmox VE knows
 * how.
 * @throws `RESTORE_START`
 */
export async function requireStartable({ options, pveRoot }: RestoreJob, type: GuestType): Promise<void> {
  if (options.start !== true) return;
  const program = HOST_PROGRAMS[type];
  if (!isInstalled(program)) throw notStartable(`${program}, which would start it, is not installed`);
  if (!isHostConfiguration(pveRoot.directory))
    throw notStartable(`${program} knows only the guests of ${DEFAULT_PVE_ROOT}`);
}

/** A failure is only a warning, for the guest is there. */
export async function startGuest(job: RestoreJob, type: GuestType): Promise<void> {
  const { options, tell } = job;
  if (options.start !== true) return;
  tell({ type: 'starting' });
  try {
    await runTool(startCommand(type, options.vmid), { timeout: TIMEOUT });
  } catch (error) {
    const message = `${options.vmid} was restored, but does not start: ${(error as Error).message}`;
    options.onWarning?.({ code: 'RESTORE_START', message });
  }
}

export function startCommand(type: GuestType, vmid: number): Command {
  return [HOST_PROGRAMS[type], 'start', String(vmid)];
}

function notStartable(why: string): ArchiveError {
  return new ArchiveError('RESTORE_START', `the guest cannot be started: ${why}`, {
    hint: 'restore it with --start 0',
  });
}
