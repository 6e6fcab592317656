import { resolve } from 'node:path';
import { printableName } from '@vzdump-format/posix';
import {
  formatGuestConfig,
  type GuestConfig,
  newVolumeId,
  parseDriveMap,
  planRestoredDrives,
  type RestoredDrive,
  resolveVolume,
  type SupportedStorage,
  type VolumeFormat,
} from '@vzdump-format/pve';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { VmaDevice, VmaHeader } from '@vzdump-format/vma';
import type { RestoreJob } from '../restore-job.js';

/** Where a drive of a restored virtual machine goes. */
export interface DrivePlan {
  /** `scsi0` */
  readonly key: string;
  /** The device of the archive that fills it; none for a drive of cloud-init, which Proxmox VE fills. */
  readonly device: VmaDevice | undefined;
  /** A volume's id, or an absolute path. */
  readonly volume: string;
  /** Where that is. */
  readonly path: string;
  readonly format: VolumeFormat;
  /** Bytes. */
  readonly size: number;
  /** `undefined` for a path that was chosen for it. */
  readonly storage: SupportedStorage | undefined;
  /** Whether it is there already, and stays as it is. */
  readonly exists: boolean;
}

/**
 * Plans where the drives of an archive go: to the paths chosen for them, else to new volumes.
 * @throws as `planRestoredDrives`; `RESTORE_MAP`, `RESTORE_DRIVE`, `STORAGE_CONTENT`
 */
export async function planDrives(
  archived: GuestConfig,
  header: VmaHeader,
  job: RestoreJob,
): Promise<readonly DrivePlan[]> {
  const { storages, pveRoot, options } = job;
  requireDistinctNames(header);
  const chosen = choosePaths(archived, header, options.drives ?? new Map());
  const planned = planRestoredDrives(archived, {
    ...{ storages, storage: options.storage, node: pveRoot.node },
    devices: header.devices,
    placed: new Set(chosen.map(({ key }) => key)),
  });
  const plans: DrivePlan[] = [...chosen];
  for (const drive of planned) plans.push(await planVolume(drive, header, job));
  for (const { key, volume, format, storage, path } of plans) {
    debugLog('%s: becomes %s, %s on %s: %s', key, volume, format, storage?.id ?? 'no storage', path);
  }
  return plans;
}

/** Volumes of the guest's number that are in no configuration: `rescan` adds them to it. */
export async function orphanVolumes(
  drives: readonly DrivePlan[],
  { allocator }: RestoreJob,
): Promise<readonly string[]> {
  const storages = new Set(drives.flatMap(({ storage }) => storage ?? []));
  const found = await Promise.all([...storages].map((storage) => allocator.found(storage)));
  return found.flat();
}

async function planVolume(drive: RestoredDrive, { devices }: VmaHeader, job: RestoreJob): Promise<DrivePlan> {
  const { key, deviceName, size, storage } = drive;
  requireContent(storage, 'images');
  const format = writableFormat(drive, job);
  const isCloudInit = deviceName === undefined;
  const volume = isCloudInit
    ? newVolumeId(storage, { vmid: job.options.vmid, name: 'cloudinit', format })
    : await job.allocator.disk(storage, format);
  const { path } = resolveVolume(job.storages, volume, job.pveRoot.node);
  const device = devices.find(({ name }) => name === deviceName);
  const exists = isCloudInit && (await job.allocator.found(storage)).includes(volume);
  return { key, device, volume, path, format, size, storage, exists };
}

/** What only QEMU's tools write becomes raw. */
function writableFormat({ key, format }: RestoredDrive, { options }: RestoreJob): VolumeFormat {
  if (format !== 'vmdk') return format;
  const message = `${key} was a ${format} image, and is restored as a raw one`;
  options.onWarning?.({ code: 'RESTORE_IMAGE_FORMAT', message, entry: key, isNotice: true });
  return 'raw';
}

/** @throws `STORAGE_CONTENT` */
export function requireContent(storage: SupportedStorage, content: string): void {
  if (storage.content.has(content)) return;
  throw new ArchiveError(
    'STORAGE_CONTENT',
    `storage '${storage.id}' does not support content-type '${content}'`,
    { hint: `choose another with --storage, or add '${content}' to its content in storage.cfg` },
  );
}

/** By a drive's key, or its device's name or number in the archive. */
function choosePaths(
  archived: GuestConfig,
  { devices }: VmaHeader,
  paths: ReadonlyMap<string, string>,
): readonly DrivePlan[] {
  const map = parseDriveMap(formatGuestConfig(archived));
  const plans = new Map<string, DrivePlan>();
  for (const [name, given] of paths) {
    const device = devices.find(
      (each) =>
        each.name === name ||
        String(each.id) === name ||
        map.some(({ key, deviceName }) => key === name && deviceName === each.name),
    );
    const key = map.find(({ deviceName }) => deviceName === device?.name)?.key;
    if (device === undefined || key === undefined) throw noSuchDrive(name, map);
    if (plans.has(key)) throw driveError(`two paths are given for the drive ${key}`);
    const path = resolve(given);
    if ([...plans.values()].some((plan) => plan.path === path)) {
      throw driveError(`two drives cannot go to the same path: ${printableName(path)}`);
    }
    const format = path.endsWith('.qcow2') ? 'qcow2' : 'raw';
    const rest = { size: device.size, storage: undefined, exists: false };
    plans.set(key, { key, device, volume: path, path, format, ...rest });
  }
  return [...plans.values()];
}

function requireDistinctNames({ devices }: VmaHeader): void {
  const names = devices.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new ArchiveError('RESTORE_MAP', `the archive has two devices of the name '${printableName(twice)}'`, {
    entry: twice,
    hint: 'unpack takes it apart nevertheless',
  });
}

function noSuchDrive(name: string, map: readonly { readonly key: string }[]): ArchiveError {
  const keys = map.map(({ key }) => printableName(key)).join(', ');
  return driveError(
    `the archive has no drive '${printableName(name)}'`,
    keys === '' ? undefined : `it has ${keys}`,
  );
}

function driveError(message: string, hint?: string): ArchiveError {
  return new ArchiveError('RESTORE_DRIVE', message, { hint });
}
