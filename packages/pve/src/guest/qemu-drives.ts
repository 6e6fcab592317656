import { printableName } from '@vzdump-format/posix';
import { badConfigValue, type Properties, parseBoolean, parsePropertiesOf } from '../config-syntax.js';
import type { StorageConfig } from '../storage/storage-config.js';
import { parseVolumeId, resolveVolume, type Volume, type VolumeFormat } from '../storage/volume.js';
import type { DriveMapEntry } from './archive-config.js';
import { configValue, configValues, type GuestConfig } from './guest-config.js';

/** A drive of a virtual machine, as its configuration has it. */
export interface QemuDrive {
  /** `scsi0`, `efidisk0`. */
  readonly key: string;
  /** `storage:name`, an absolute path, or `none` or `cdrom` for what is no disk. */
  readonly volume: string;
  /** The id of the storage that keeps the volume; `undefined` for a path. */
  readonly storage: string | undefined;
  /** As it is written, `32G`. */
  readonly size: string | undefined;
  /** All of them; the volume is `file`. */
  readonly properties: Properties;
}

export interface SelectedDrive extends QemuDrive {
  /** Its name in the archive, `drive-scsi0`. */
  readonly deviceName: string;
}

export interface DriveSelection {
  /** In the order in which they stand in the archive: sorted by key as text, scsi10 before scsi2. */
  readonly included: readonly SelectedDrive[];
  readonly excluded: readonly QemuDrive[];
  /** For the log, one line each; CD-ROM drives get none. */
  readonly messages: readonly string[];
}

/** The default key of a drive's property string. */
export const DRIVE_DEFAULT_KEY = 'file';

/** The buses, with how many drives each can have, in the order in which vzdump tells of them. */
const BUSES = [
  ['ide', 4],
  ['scsi', 31],
  ['virtio', 16],
  ['sata', 6],
  ['efidisk', 1],
  ['tpmstate', 1],
] as const;

const DRIVE_KEYS: readonly string[] = BUSES.flatMap(([bus, count]) =>
  Array.from({ length: count }, (_, index) => `${bus}${index}`),
);

/** Whether a key of a virtual machine's configuration is that of a drive. */
export function isDriveKey(key: string): boolean {
  return DRIVE_KEYS.includes(key);
}

/** Whether a key looks like that of a drive, though a bus may have no drive of that number. */
export function isDriveLike(key: string): boolean {
  return /^(?:ide|scsi|virtio|sata|efidisk|tpmstate)\d+$/.test(key);
}

/** A virtual machine's drives, in the order of vzdump's messages. @throws `CONFIG_VALUE` */
export function qemuDrives(config: GuestConfig): readonly QemuDrive[] {
  const values = configValues(config);
  return DRIVE_KEYS.filter((key) => values.has(key)).map((key) => parseDrive(key, values.get(key)!));
}

/** @throws `CONFIG_VALUE` when the value is not a drive's. */
export function parseDrive(key: string, text: string): QemuDrive {
  const properties = parsePropertiesOf(key, text, DRIVE_DEFAULT_KEY);
  const volume = properties.get(DRIVE_DEFAULT_KEY) ?? properties.get('volume');
  if (volume === undefined) throw badConfigValue(key, 'it names no volume');
  const storage = parseVolumeId(volume)?.storage;
  return { key, volume, storage, size: properties.get('size'), properties };
}

/**
 * Which drives a backup holds: all but CD-ROM drives, those with `backup=0`, and the EFI disk of a machine
 * that does not use it. Where vzdump passes over a drive that it cannot read, this fails.
 * @throws `CONFIG_VALUE`
 */
export function selectDrives(config: GuestConfig): DriveSelection {
  const usesOvmf = configValue(config, 'bios') === 'ovmf';
  const included: SelectedDrive[] = [];
  const excluded: QemuDrive[] = [];
  const messages: string[] = [];
  for (const drive of qemuDrives(config)) {
    if (isCdrom(drive)) continue;
    const named = `disk '${drive.key}' '${printableName(drive.volume)}'`;
    const reason = reasonToExclude(drive, usesOvmf);
    if (reason === undefined) {
      included.push({ ...drive, deviceName: deviceName(drive.key) });
      messages.push(`include ${named}${drive.size === undefined ? '' : ` ${printableName(drive.size)}`}`);
    } else {
      excluded.push(drive);
      messages.push(`exclude ${named} (${reason})`);
    }
  }
  included.sort((one, other) => (one.key < other.key ? -1 : 1));
  return { included, excluded, messages };
}

/**
 * What a drive is called in an archive. QEMU itself knows no drive for the TPM's state, so that has a name of
 * its own.
 */
export function deviceName(key: string): string {
  return key.startsWith('tpmstate') ? `drive-${key}-backup` : `drive-${key}`;
}

/** CD-ROM drives, among them those that Proxmox VE makes for cloud-init. */
export function isCdrom(drive: QemuDrive): boolean {
  return drive.properties.get('media') === 'cdrom';
}

/** An empty CD-ROM drive, the host's own, or one with an ISO image: what many guests can have at once. */
export function isSharedMedium(drive: QemuDrive): boolean {
  const { volume } = drive;
  if (volume === 'none' || volume === 'cdrom') return true;
  return (
    isCdrom(drive) && (volume.startsWith('/') || parseVolumeId(volume)?.name.startsWith('iso/') === true)
  );
}

/** Whether it holds what Proxmox VE writes for cloud-init, which a restore makes anew. */
export function isCloudInit(drive: QemuDrive): boolean {
  return isCdrom(drive) && /[/:]vm-\d+-cloudinit(?:\.[^/]*)?$/.test(drive.volume);
}

/** Whether `backup=0`. @throws `CONFIG_VALUE` */
export function isBackupDisabled(drive: QemuDrive): boolean {
  const text = drive.properties.get('backup') ?? '1';
  const backup = parseBoolean(text);
  if (backup === undefined) throw badConfigValue(drive.key, `backup is 1 or 0, not '${printableName(text)}'`);
  return !backup;
}

function reasonToExclude(drive: QemuDrive, usesOvmf: boolean): string | undefined {
  if (isBackupDisabled(drive)) return 'backup=no';
  if (drive.key.startsWith('efidisk') && !usesOvmf) return 'efidisk but no OVMF BIOS';
  return undefined;
}

const IMAGE_FORMATS: readonly VolumeFormat[] = ['raw', 'qcow2', 'vmdk'];

/** Where a drive's image is. For a path, the drive itself may say the format. @throws as `resolveVolume` */
export function driveVolume(storages: StorageConfig, drive: QemuDrive, node?: string): Volume {
  const volume = resolveVolume(storages, drive.volume, node);
  const format = IMAGE_FORMATS.find((name) => name === drive.properties.get('format'));
  return volume.storage === undefined && format !== undefined ? { ...volume, format } : volume;
}

/** Where the images of a virtual machine's own drives are, as far as that can be told. */
export function drivePaths(config: GuestConfig, storages: StorageConfig, node?: string): readonly string[] {
  return [...configValues(config)].flatMap(([key, text]) => {
    if (!isDriveLike(key)) return [];
    try {
      const drive = parseDrive(key, text);
      return isSharedMedium(drive) ? [] : [driveVolume(storages, drive, node).path];
    } catch {
      return []; // whoever needs it finds out what is wrong with it
    }
  });
}

/** The map line of a drive whose image is there. */
export function driveMapEntry(drive: SelectedDrive, volume: Volume): DriveMapEntry {
  const { key, deviceName } = drive;
  return { key, deviceName, storage: volume.storage?.id ?? '', format: volume.format };
}
