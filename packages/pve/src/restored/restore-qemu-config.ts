import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import {
  formatPropertyString,
  formatSize,
  lineEnd,
  parsePropertiesOf,
  replaceProperty,
  splitList,
} from '../config-syntax.js';
import { type DriveMapEntry, isTransient, parseDriveMap } from '../guest/archive-config.js';
import {
  currentOnly,
  formatGuestConfig,
  type GuestConfig,
  type GuestConfigLine,
  withCurrentLines,
} from '../guest/guest-config.js';
import {
  DRIVE_DEFAULT_KEY,
  isBackupDisabled,
  isCloudInit,
  isDriveKey,
  isDriveLike,
  isSharedMedium,
  parseDrive,
  qemuDrives,
} from '../guest/qemu-drives.js';
import {
  DEFAULT_STORAGE_ID,
  requireStorage,
  type StorageConfig,
  type SupportedStorage,
} from '../storage/storage-config.js';
import { storageFormats, type VolumeFormat } from '../storage/volume.js';
import type { IdentitySource } from './identity.js';

type Property = Extract<GuestConfigLine, { kind: 'property' | 'raw' }>;

export interface RestoreQemuConfigOptions {
  /** The new volumes by drive key: `scsi0` → `local-lvm:vm-300-disk-0`. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Whether the machine gets MAC addresses and a SMBIOS uuid of its own. */
  readonly unique?: boolean;
  readonly identity: IdentitySource;
  /**
   * `RESTORE_VOLUME` for one that is not in the archive, `RESTORE_SECTION` for what only looks like a
   * snapshot.
   */
  readonly onWarning?: OnWarning | undefined;
}

/**
 * The configuration out of an archive as qmrestore writes it, line by line:
 *
 * | line | becomes |
 * |---|---|
 * | `#qmdump#…`, `#vzdump#…`, `lock`, `parent`, `unusedN` | nothing |
 * | a drive with `backup=0` | a comment |
 * | a drive that was restored | its new volume, without `format`, the rest sorted |
 * | another drive, `vmstate` | nothing: its volume is another guest's, or none |
 * | a CD-ROM drive with an ISO image, or empty | itself |
 * | `vmgenid`, unless it is 0 | a new one |
 * | `netN`, `smbios1`, with `unique` | the same with a new MAC address, uuid |
 * | `vlanN`, from Proxmox VE 1 | a `netN` for each of its interfaces |
 * | from the first `[section]` on | nothing: vzdump archives no such |
 *
 * All else stays as it is.
 * @throws `CONFIG_VALUE` for a drive or, with `unique`, a network card that cannot be read.
 */
export function restoreQemuConfig(config: GuestConfig, options: RestoreQemuConfigOptions): GuestConfig {
  const rewriter = new LineRewriter(options);
  const [, ...others] = config.sections;
  const known = others.filter(({ kind }) => kind !== 'unknown').map(({ header }) => header.trim());
  if (known.length > 0) {
    const message = `only the current configuration is restored, left out: ${known.map(printableName).join(', ')}`;
    options.onWarning?.({ code: 'RESTORE_SECTION', message });
  }
  const current = currentOnly(config);
  return withCurrentLines(
    current,
    current.sections[0].lines.flatMap((line) => rewriter.rewrite(line)),
  );
}

/**
 * What `rescan` does after a restore: the drives get the sizes that their volumes have, in bytes by drive
 * key.
 */
export function withDriveSizes(config: GuestConfig, sizes: ReadonlyMap<string, number>): GuestConfig {
  const lines = config.sections[0].lines.map((line) => {
    const size = line.kind === 'property' ? sizes.get(line.key) : undefined;
    if (size === undefined || line.kind !== 'property') return line;
    return withLineValue(line, replaceProperty(line.value, 'size', formatSize(size), DRIVE_DEFAULT_KEY));
  });
  return withCurrentLines(config, lines);
}

class LineRewriter {
  private interfaces = 0;

  constructor(private readonly options: RestoreQemuConfigOptions) {}

  rewrite(line: GuestConfigLine): readonly GuestConfigLine[] {
    if (isTransient(line)) return [];
    if (line.kind !== 'property') return [line];
    const { unique = false, identity } = this.options;
    if (/^vlan\d+$/.test(line.key)) return this.fromVlan(line);
    if (unique && /^net\d+$/.test(line.key)) return [withNewMac(line, identity)];
    if (unique && line.key === 'smbios1') {
      return [withLineValue(line, replaceProperty(line.value, 'uuid', identity.uuid()))];
    }
    if (line.key === 'vmgenid') return [line.value === '0' ? line : withLineValue(line, identity.uuid())];
    if (line.key === 'vmstate') return this.leaveOut(line.key, line.value);
    return isDriveLike(line.key) ? this.drive(line) : [line];
  }

  private drive(line: Property): readonly GuestConfigLine[] {
    const drive = parseDrive(line.key, line.value);
    if (isBackupDisabled(drive)) {
      return [{ kind: 'comment', text: `#${line.text}`, comment: line.text.trimEnd() }];
    }
    const volume = this.options.volumes.get(line.key);
    if (volume === undefined) return isSharedMedium(drive) ? [line] : this.leaveOut(line.key, drive.volume);
    const properties = new Map(drive.properties);
    for (const replaced of ['format', 'volume']) properties.delete(replaced);
    properties.set(DRIVE_DEFAULT_KEY, volume);
    return [withLineValue(line, formatPropertyString(properties, DRIVE_DEFAULT_KEY))];
  }

  private leaveOut(key: string, volume: string): readonly [] {
    const message = `${key} is left out: the archive does not hold its volume '${printableName(volume)}'`;
    this.options.onWarning?.({ code: 'RESTORE_VOLUME', message, entry: key });
    return [];
  }

  /** `vlan1: e1000=MAC,virtio=MAC` → `net0: e1000=MAC,bridge=vmbr1` and `net1: …`. */
  private fromVlan(line: Property): readonly GuestConfigLine[] {
    const { unique = false, identity } = this.options;
    const bridge = `vmbr${line.key.slice('vlan'.length)}`;
    return splitList(line.value).map((part, index, { length }) => {
      const [model, mac] = part.split('=');
      const key = `net${this.interfaces++}`;
      const value = `${model}=${unique || !mac ? identity.mac() : mac},bridge=${bridge}`;
      const end = index === length - 1 ? lineEnd(line.text) : '\n';
      return { kind: 'property', key, value, text: `${key}: ${value}${end}` };
    });
  }
}

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

/**
 * `virtio=BC:24:11:00:00:01,bridge=vmbr0` with another address; `virtio,bridge=vmbr0` gets one as `macaddr`.
 */
function withNewMac(line: Property, identity: IdentitySource): GuestConfigLine {
  const properties = parsePropertiesOf(line.key, line.value, 'model');
  const key = [...properties].find(([, value]) => MAC.test(value))?.[0] ?? 'macaddr';
  return withLineValue(line, replaceProperty(line.value, key, identity.mac(), 'model'));
}

function withLineValue(line: Property, value: string): GuestConfigLine {
  return { ...line, value, text: `${line.key}: ${value}${lineEnd(line.text)}` };
}

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
