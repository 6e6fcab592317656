import { openDiskImage } from '@vzdump-format/disk';
import { driveMapEntry, driveVolume, type SelectedDrive, selectDrives } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import type { GuestContext, GuestDrive } from '../guest-access.js';

/**
 * The drives of a virtual machine that a backup holds, in the order of the archive; the log is told of them,
 * and of those that are left out. @throws `CONFIG_VALUE`, and `VOLUME_ID` and the like
 */
export function vmDrives(context: GuestContext): readonly GuestDrive[] {
  const { config, log } = context;
  const { included, messages } = selectDrives(config);
  for (const message of messages) log.info(message);
  return included.map((drive) => vmDrive(drive, context));
}

function vmDrive(drive: SelectedDrive, { storages, node, signal }: GuestContext): GuestDrive {
  const volume = driveVolume(storages, drive, node);
  const { path, format } = volume;
  if (format === 'subvol') {
    throw new ArchiveError('VOLUME_ID', `${drive.key} is on a volume of files, not on an image of a disk`, {
      entry: drive.volume,
    });
  }
  return {
    name: drive.deviceName,
    open: () => openDiskImage(path, { format, signal }),
    mapEntry: driveMapEntry(drive, volume),
  };
}
