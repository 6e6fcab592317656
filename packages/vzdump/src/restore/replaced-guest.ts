import { printableName, requireUnusedImage } from '@vzdump-format/posix';
import {
  configValue,
  drivePaths,
  formatGuestConfig,
  type Guest,
  type GuestConfig,
  type GuestConfigSection,
  type GuestType,
  parseBoolean,
  parseVolumeId,
  resolveVolume,
} from '@vzdump-format/pve';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import { containerMethods } from '../guest-access/container/container-methods.js';
import { vmMethods } from '../guest-access/vm-methods.js';
import type { RestoreJob } from './restore-job.js';

/** A guest that a restore replaces, as it was when the restore began. */
export interface ReplacedGuest {
  readonly guest: Guest;
  readonly config: GuestConfig;
}

const KINDS: Readonly<Record<GuestType, { readonly short: string; readonly long: string }>> = {
  qemu: { short: 'VM', long: 'a virtual machine' },
  lxc: { short: 'CT', long: 'a container' },
};

/**
 * Makes sure that a guest can be restored under the number that was asked for.
 * @returns the guest that it replaces, if there is one
 * @throws `GUEST_NUMBER`, `GUEST_AMBIGUOUS`; `GUEST_EXISTS`, also for one on another node, or of the other
 * type; `GUEST_RUNNING`, `LXC_PATH`, `IMAGE_IN_USE`, `GUEST_LOCKED`, `GUEST_PROTECTED`; `FILE_EXISTS` for
 * firewall rules without a guest
 */
export async function requireRestorable(
  job: RestoreJob,
  type: GuestType,
): Promise<ReplacedGuest | undefined> {
  const { vmid, force = false } = job.options;
  const guest = await findGuest(job, type);
  debugLog('guest %d: %s', vmid, guest === undefined ? 'there is none' : `there is one: ${guest.configPath}`);
  if (guest === undefined) {
    await requireNoFirewall(job);
    return undefined;
  }
  if (guest.type !== type) throw refusal(job, type, 'GUEST_EXISTS', `it is ${KINDS[guest.type].long}`);
  if (!force) {
    throw refusal(job, type, 'GUEST_EXISTS', `${KINDS[type].short} ${vmid} exists already`, {
      hint: 'choose another number, or replace it with --force',
    });
  }
  const replaced = { guest, config: await job.pveRoot.readConfig(guest) };
  await requireReplaceableGuest(job, replaced);
  return replaced;
}

/**
 * Makes sure, right before a guest is replaced, that it is as it was and may be replaced. @throws
 * `GUEST_CHANGED`, and as above
 */
export async function requireUnchanged(job: RestoreJob, replaced: ReplacedGuest): Promise<void> {
  const { guest, config } = replaced;
  const now = await job.pveRoot.readConfig(guest);
  if (formatGuestConfig(now) !== formatGuestConfig(config)) {
    throw refusal(job, guest.type, 'GUEST_CHANGED', 'its configuration was changed meanwhile');
  }
  await requireReplaceableGuest(job, replaced);
}

/** Makes sure that no guest has got the number since the restore began. @throws `GUEST_EXISTS` */
export async function requireStillFree(job: RestoreJob, type: GuestType): Promise<void> {
  const guest = await findGuest(job, type);
  if (guest === undefined) return;
  const { short } = KINDS[guest.type];
  throw refusal(job, type, 'GUEST_EXISTS', `${short} ${guest.vmid} was made meanwhile`);
}

async function findGuest({ pveRoot, options }: RestoreJob, type: GuestType): Promise<Guest | undefined> {
  const { vmid } = options;
  if (!Number.isInteger(vmid) || vmid < 100 || vmid > 999_999_999) {
    throw new ArchiveError('GUEST_NUMBER', `${vmid} is no number of a guest: those are 100 to 999999999`);
  }
  const { external } = await pveRoot.knownGuests();
  if (external.includes(vmid)) {
    throw new ArchiveError(
      'GUEST_EXISTS',
      `unable to restore ${KINDS[type].short} ${vmid} - it exists on another node`,
    );
  }
  return pveRoot.findGuest(vmid);
}

async function requireReplaceableGuest(job: RestoreJob, { guest, config }: ReplacedGuest): Promise<void> {
  const { type } = guest;
  const { short } = KINDS[type];
  const lock = configValue(config, 'lock');
  if (lock !== undefined) {
    throw new ArchiveError('GUEST_LOCKED', `${short} is locked (${printableName(lock)})`, {
      entry: guest.configPath,
    });
  }
  if (parseBoolean(configValue(config, 'protection') ?? '0') !== false) {
    throw refusal(job, type, 'GUEST_PROTECTED', 'protection mode enabled');
  }
  if (await isRunning(job, guest, config)) {
    throw refusal(job, type, 'GUEST_RUNNING', type === 'qemu' ? 'vm is running' : 'container is running', {
      hint: 'stop it first',
    });
  }
  for (const volume of replaceableVolumes(config, guest.vmid)) requireUnusedVolume(job, volume);
}

/** Makes sure that nobody has an old volume open, if it can be found at all. @throws `IMAGE_IN_USE` */
export function requireUnusedVolume({ storages, pveRoot }: RestoreJob, volume: string): void {
  let path: string;
  try {
    ({ path } = resolveVolume(storages, volume, pveRoot.node));
  } catch {
    return; // then nothing can remove it either
  }
  requireUnusedImage(path);
}

function isRunning(
  { options, storages, pveRoot }: RestoreJob,
  guest: Guest,
  config: GuestConfig,
): Promise<boolean> {
  const { lxcPath, signal } = options;
  const methods = { qemu: vmMethods(), lxc: containerMethods({ lxcPath }), ...options.methods };
  const images = guest.type === 'qemu' ? drivePaths(config, storages, pveRoot.node) : [];
  return methods[guest.type].isRunning(guest, images, signal);
}

/** Rules that outlived their guest are someone's nevertheless. */
async function requireNoFirewall({ pveRoot, options: { vmid, force } }: RestoreJob): Promise<void> {
  if (force || (await pveRoot.readFirewall(vmid)) === undefined) return;
  const path = pveRoot.firewallPath(vmid);
  throw new ArchiveError('FILE_EXISTS', `there are firewall rules for ${vmid} already: ${path}`, {
    entry: path,
    hint: 'remove them, or replace them with --force',
  });
}

function refusal(
  { options: { vmid } }: RestoreJob,
  type: GuestType,
  code: string,
  why: string,
  details: { readonly hint?: string } = {},
): ArchiveError {
  return new ArchiveError(code, `unable to restore ${KINDS[type].short} ${vmid} - ${why}`, details);
}

/** What becomes of the volumes of a guest that is replaced. */
interface OldVolumes {
  /** Volumes whose content came anew with the archive. */
  readonly replaced: readonly string[];
  /** Volumes that stay, for the archive does not bring them back. */
  readonly kept: readonly string[];
}

/** Keys of volumes, of both types of guests. */
const VOLUME_KEY = /^(?:(?:ide|scsi|virtio|sata|efidisk|tpmstate|unused|mp)\d+|rootfs|vmstate)$/;

/**
 * Sorts the volumes that belong to a guest, be they in its configuration or in its snapshots'. Those of the
 * keys that were restored are replaced; not so what others may stand upon (`base-…`), and what the new
 * configuration has, too.
 * @param restored the keys whose content came with the archive
 * @param inUse volumes of the new configuration
 */
export function sortOldVolumes(
  old: GuestConfig,
  vmid: number,
  restored: ReadonlySet<string>,
  inUse: ReadonlySet<string>,
): OldVolumes {
  const replaced = new Set<string>();
  const all = new Set<string>();
  for (const section of old.sections) {
    for (const [key, volume] of volumesOf(section)) {
      if (!isOwned(volume, vmid) || inUse.has(volume)) continue;
      all.add(volume);
      if (section.kind === 'current' && restored.has(key) && !isBase(volume)) replaced.add(volume);
    }
  }
  return { replaced: [...replaced], kept: [...all].filter((volume) => !replaced.has(volume)) };
}

/** The volumes that a restore may replace, whatever it restores. */
function replaceableVolumes(old: GuestConfig, vmid: number): readonly string[] {
  return volumesOf(old.sections[0])
    .filter(([key, volume]) => !key.startsWith('unused') && isOwned(volume, vmid) && !isBase(volume))
    .map(([, volume]) => volume);
}

function volumesOf({ lines }: GuestConfigSection): readonly (readonly [key: string, volume: string])[] {
  return lines.flatMap((line) => {
    if (line.kind !== 'property' || !VOLUME_KEY.test(line.key)) return [];
    const parts = line.value.split(',').map((part) => part.replace(/^(?:file|volume)=/, ''));
    const volume = parts.find((part) => !part.includes('=') && parseVolumeId(part) !== undefined);
    return volume === undefined ? [] : [[line.key, volume] as const];
  });
}

/**
 * `local:300/vm-300-disk-0.raw`, `local-zfs:subvol-300-disk-0`. A volume that is given by a path may be
 * anyone's.
 */
function isOwned(volume: string, vmid: number): boolean {
  const name = parseVolumeId(volume)?.name ?? '';
  return new RegExp(`(?:^|/)(?:vm|base|subvol|basevol)-${vmid}-[^/]+$`).test(name);
}

function isBase(volume: string): boolean {
  return /[:/]base(?:vol)?-[^/]+$/.test(volume);
}
