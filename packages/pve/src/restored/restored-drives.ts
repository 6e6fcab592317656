import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { type DriveMapEntry, parseDriveMap } from '../guest/archive-config.js';
import { formatGuestConfig, type GuestConfig } from '../guest/guest-config.js';
import { isCloudInit, isDriveKey, qemuDrives } from '../guest/qemu-drives.js';
import {
  DEFAULT_STORAGE_ID,
  requireStorage,
  type StorageConfig,
  type SupportedStorage,
} from '../storage/storage-config.js';
import { storageFormats, type VolumeFormat } from '../storage/volume.js';

/** A volume to make for a drive of a restored virtual machine. */
export interface RestoredDrive {
  /** `scsi0`. */
  readonly key: string;
  /** The device of the archive that fills it; `undefined` for cloud-init's drive, which stays empty. */
  readonly deviceName: string | undefined;
  /** Bytes to allocate: whole KiB. */
  readonly size: number;
  readonly storage: SupportedStorage;
  readonly format: VolumeFormat;
}

export interface PlanRestoredDrivesOptions {
  /** The devices of the archive, in its order; sizes in bytes. */
  readonly devices: readonly { readonly name: string; readonly size: number }[];
  readonly storages: StorageConfig;
  /** The storage for all of them; unless given, each goes where it came from. */
  readonly storage?: string | undefined;
  /** Keys of drives whose place is chosen already: no volumes are made for them. */
  readonly placed?: ReadonlySet<string> | undefined;
  /** The name of this node, unless it does not matter. */
  readonly node?: string | undefined;
}

const KIB = 1024;
const CLOUD_INIT_SIZE = 4 * KIB * KIB;
/** The state of a running guest's memory: a device that is no drive. */
const VMSTATE = 'vmstate';

/**
 * The volumes that a restore makes, as qmrestore chooses them: on the storage asked for, else on that of the
 * map line, else on `local`; in the format of the map line, else raw, or in the one that the storage prefers
 * where it cannot keep that.
 * @param config as it came out of the archive, with its map lines
 * @throws `RESTORE_MAP` when the archive's devices and its map lines do not match; `STORAGE_UNKNOWN`,
 * `STORAGE_DISABLED`, `STORAGE_TYPE`; `CONFIG_VALUE` for a drive that cannot be read
 */
export function planRestoredDrives(
  config: GuestConfig,
  options: PlanRestoredDrivesOptions,
): readonly RestoredDrive[] {
  const devices = options.devices.filter(({ name }) => name !== VMSTATE);
  const map = checkedMap(parseDriveMap(formatGuestConfig(config)));
  for (const { key, deviceName } of map) {
    if (devices.some(({ name }) => name === deviceName)) continue;
    throw mapError(`archive does not contain data for drive '${printableName(key)}'`);
  }
  const drives = devices.flatMap(({ name, size }): readonly RestoredDrive[] => {
    const entry = map.find(({ deviceName }) => deviceName === name);
    if (entry === undefined) {
      throw mapError(`found no device mapping information for device '${printableName(name)}'`);
    }
    if (options.placed?.has(entry.key)) return [];
    const target = chooseTarget(entry, options);
    return [{ key: entry.key, deviceName: name, size: Math.ceil(size / KIB) * KIB, ...target }];
  });
  return [...drives, ...cloudInitDrives(config, options)];
}

/**
 * A cloud-init drive has no data in an archive; its volume is made anew, in the format that its name says.
 */
function cloudInitDrives(config: GuestConfig, options: PlanRestoredDrivesOptions): readonly RestoredDrive[] {
  return qemuDrives(config)
    .filter(isCloudInit)
    .map((drive) => {
      const format = /\.(raw|qcow2|vmdk)$/.exec(drive.volume)?.[1] ?? '';
      const target = chooseTarget({ storage: drive.storage ?? '', format }, options);
      return { key: drive.key, deviceName: undefined, size: CLOUD_INIT_SIZE, ...target };
    });
}

function chooseTarget(
  from: Pick<DriveMapEntry, 'storage' | 'format'>,
  { storages, storage: asked, node }: PlanRestoredDrivesOptions,
): Pick<RestoredDrive, 'storage' | 'format'> {
  const storage = requireStorage(storages, asked ?? (from.storage || DEFAULT_STORAGE_ID), node);
  const formats = storageFormats(storage);
  const wanted = from.format === '' ? 'raw' : from.format;
  return {
    storage,
    format: formats.find((format) => format === wanted && format !== 'subvol') ?? formats[0]!,
  };
}

function checkedMap(map: readonly DriveMapEntry[]): readonly DriveMapEntry[] {
  const seen = new Set<string>();
  for (const { key, deviceName } of map) {
    if (!isDriveKey(key)) throw mapError(`'${printableName(key)}' in the archive's map is not a drive`);
    for (const name of [`key ${key}`, `device ${deviceName}`]) {
      if (seen.has(name)) throw mapError(`the archive's map has the ${printableName(name)} twice`);
      seen.add(name);
    }
  }
  return map;
}

function mapError(message: string): ArchiveError {
  return new ArchiveError('RESTORE_MAP', message, {
    hint: `the archive's configuration needs one line #qmdump#map:KEY:DEVICE:STORAGE:FORMAT: for each of its devices`,
  });
}
