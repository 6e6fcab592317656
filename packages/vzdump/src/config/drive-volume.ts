import type { DriveMapEntry } from './drive-map.js';
import type { QemuDrive, SelectedDrive } from './qemu-drives.js';
import type { StorageConfig } from './storage-config.js';
import { resolveVolume, type Volume, type VolumeFormat } from './volume.js';

const IMAGE_FORMATS: readonly VolumeFormat[] = ['raw', 'qcow2', 'vmdk'];

/** Where a drive's image is. For a path, the drive itself may say the format. @throws as `resolveVolume` */
export function driveVolume(storages: StorageConfig, drive: QemuDrive, node?: string): Volume {
  const volume = resolveVolume(storages, drive.volume, node);
  const format = IMAGE_FORMATS.find((name) => name === drive.properties.get('format'));
  return volume.storage === undefined && format !== undefined ? { ...volume, format } : volume;
}

/** The map line of a drive whose image is there. */
export function driveMapEntry(drive: SelectedDrive, volume: Volume): DriveMapEntry {
  const { key, deviceName } = drive;
  return { key, deviceName, storage: volume.storage?.id ?? '', format: volume.format };
}
