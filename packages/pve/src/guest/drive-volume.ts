import type { StorageConfig } from '../storage/storage-config.js';
import { resolveVolume, type Volume, type VolumeFormat } from '../storage/volume.js';
import type { DriveMapEntry } from './drive-map.js';
import { configValues, type GuestConfig } from './guest-config.js';
import {
  isDriveLike,
  isSharedMedium,
  parseDrive,
  type QemuDrive,
  type SelectedDrive,
} from './qemu-drives.js';

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
