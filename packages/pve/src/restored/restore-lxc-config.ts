import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import {
  badConfigValue,
  formatPropertyString,
  formatSize,
  parsePropertiesOf,
  parseSize,
  replaceProperty,
} from '../config-syntax.js';
import { flattenedLxcConfig } from '../guest/archive-config.js';
import {
  configValue,
  configValues,
  type GuestConfig,
  rawLxcLines,
  withDescription,
  withoutKeys,
  withoutLines,
  withValue,
} from '../guest/guest-config.js';
import {
  isMountPointKey,
  isUnprivileged,
  MOUNT_POINT_DEFAULT_KEY,
  type MountPoint,
  mountPoints,
  parseMountPoint,
  wantsBackup,
} from '../guest/lxc-config.js';
import {
  DEFAULT_STORAGE_ID,
  requireStorage,
  type StorageConfig,
  type SupportedStorage,
} from '../storage/storage-config.js';
import { parseVolumeId } from '../storage/volume.js';
import type { IdentitySource } from './identity.js';

export interface RestoreLxcConfigOptions {
  readonly vmid: number;
  /** rootfs and mount points as they are now, by key: `rootfs` → `local:300/vm-300-disk-0.raw,size=4G`. */
  readonly mountPoints: ReadonlyMap<string, string>;
  /** What the command line says, by key: it wins. */
  readonly overrides?: ReadonlyMap<string, string>;
  /** As in the archive unless given. */
  readonly unprivileged?: boolean | undefined;
  /** Whether the container gets MAC addresses of its own. */
  readonly unique?: boolean;
  readonly identity: IdentitySource;
  /**
   * Whether the user who restores is not root@pam: lines for LXC are then left out, with the warning
   * `CONFIG_RAW_LXC`, and so are `features` when the container becomes privileged.
   */
  readonly restricted?: boolean;
  readonly onWarning?: OnWarning | undefined;
}

/** What a restore never takes out of an archive. */
const NEVER_TAKEN = /^(?:digest|lock|mp\d+|parent|pending|rootfs|snapshots|template|unprivileged|unused\d+)$/;

/**
 * The configuration out of a container's archive, as `pct restore` merges it: flattened, without what
 * concerns the container that it came from, with its mount points as they are now, and with defaults for host
 * name, memory and swap.
 * @throws `CONFIG_VALUE`
 */
export function restoreLxcConfig(archived: GuestConfig, options: RestoreLxcConfigOptions): GuestConfig {
  const { vmid, mountPoints, overrides = new Map<string, string>() } = options;
  const unprivileged = options.unprivileged ?? isUnprivileged(archived);
  const taken = withoutKeys(flattenedLxcConfig(archived), (key) => NEVER_TAKEN.test(key));
  let config =
    options.restricted === true ? restrict(taken, isUnprivileged(archived) && !unprivileged, options) : taken;
  const values = new Map([
    ...withDefaults(config, vmid),
    ...overrides,
    ...mountPoints,
    ...(unprivileged ? [['unprivileged', '1'] as const] : []),
  ]);
  for (const [key, value] of values) {
    config = key === 'description' ? withDescription(config, value) : withValue(config, key, value);
  }
  const { identity, unique = false } = options;
  return withNewMacs(config, identity, (key, value) => unique || (overrides.has(key) && !hasMac(key, value)));
}

function withDefaults(config: GuestConfig, vmid: number): readonly (readonly [string, string])[] {
  const defaults = [
    ['hostname', `CT${vmid}`],
    ['memory', '512'],
    ['swap', '512'],
  ] as const;
  return defaults.filter(([key]) => configValue(config, key) === undefined);
}

function restrict(
  config: GuestConfig,
  becomesPrivileged: boolean,
  { onWarning }: RestoreLxcConfigOptions,
): GuestConfig {
  const raw = rawLxcLines(config);
  if (raw.length > 0) {
    const lines = raw.map(([key, value]) => `${key}: ${value}`).join(', ');
    onWarning?.({
      code: 'CONFIG_RAW_LXC',
      message: `only root may restore lines for LXC, left out: ${lines}`,
    });
  }
  const withoutRaw = withoutLines(config, ({ kind }) => kind === 'raw');
  return becomesPrivileged ? withoutKeys(withoutRaw, (key) => key === 'features') : withoutRaw;
}

/** A network card that is added without an address gets one: otherwise it has another at each start. */
function hasMac(key: string, value: string): boolean {
  return parsePropertiesOf(key, value).has('hwaddr');
}

function withNewMacs(
  config: GuestConfig,
  identity: IdentitySource,
  wantsOne: (key: string, value: string) => boolean,
): GuestConfig {
  const networks = [...configValues(config)].filter(
    ([key, value]) => /^net\d+$/.test(key) && wantsOne(key, value),
  );
  return networks.reduce(
    (result, [key, value]) => withValue(result, key, replaceProperty(value, 'hwaddr', identity.mac())),
    config,
  );
}

/** What becomes of a mount point when a container is restored. */
export type RestoredMountPoint = NewMountPoint | KeptMountPoint;

/** A volume is made for it. */
export interface NewMountPoint {
  readonly kind: 'new';
  readonly mountPoint: MountPoint;
  readonly storage: SupportedStorage;
  /** `subvol` is a directory. */
  readonly format: 'raw' | 'subvol';
  /** In bytes, whole KiB; 0 for a directory without a limit. */
  readonly size: number;
}

/**
 * It is what it was, or what the command line names: a volume that there is, a directory or device of the
 * host.
 */
export interface KeptMountPoint {
  readonly kind: 'kept';
  readonly mountPoint: MountPoint;
}

export interface PlanRestoredMountPointsOptions {
  readonly storages: StorageConfig;
  /** For volumes of which nothing else is said; `local` unless given. */
  readonly storage?: string | undefined;
  /**
   * rootfs and mount points of the command line, by key: `local:4` makes a volume of 4 GiB, as does `4` on
   * `storage`; 0 makes a directory. When there are any, those in the archive do not count.
   */
  readonly mountPoints?: ReadonlyMap<string, string>;
  readonly node?: string | undefined;
  /**
   * Whether the user who restores is not root@pam: the host's directories and devices in the archive are then
   * left out.
   */
  readonly restricted?: boolean | undefined;
  /** `MOUNT_POINT_NOT_RESTORED` for one of the host that asked for a backup, or is left out. */
  readonly onWarning?: OnWarning | undefined;
}

const KIB = 1024;
const GIB = 1024 ** 3;

/**
 * The mount points of a restored container, rootfs first, as `pct restore` chooses them.
 * @throws `RESTORE_MOUNT_POINTS` when there is no rootfs or a volume's size is not known, `CONFIG_VALUE`,
 * `STORAGE_UNKNOWN`, `STORAGE_DISABLED`, `STORAGE_TYPE`
 */
export function planRestoredMountPoints(
  archived: GuestConfig,
  options: PlanRestoredMountPointsOptions,
): readonly RestoredMountPoint[] {
  const given = options.mountPoints ?? new Map<string, string>();
  if (given.size > 0) return planGiven(given, options);
  const found = mountPoints(archived);
  if (found[0]?.key !== 'rootfs') {
    throw mountPointError(
      'the archive has no configuration of a rootfs',
      'say where it goes: --rootfs STORAGE:SIZE',
    );
  }
  return found.flatMap((mountPoint) => {
    const leavesOut = options.restricted === true && isOfHost(mountPoint);
    return leavesOut ? leaveOut(mountPoint, options) : [planArchived(mountPoint, options)];
  });
}

/**
 * The value of a mount point in the restored configuration. @param volume the id of the volume that was made
 */
export function formatRestoredMountPoint(restored: RestoredMountPoint, volume?: string): string {
  const properties = new Map(restored.mountPoint.properties);
  if (restored.kind === 'new') {
    properties.set(MOUNT_POINT_DEFAULT_KEY, volume ?? restored.mountPoint.volume);
    properties.set('size', formatSize(restored.size));
  }
  return formatPropertyString(properties, MOUNT_POINT_DEFAULT_KEY);
}

function planGiven(
  given: ReadonlyMap<string, string>,
  options: PlanRestoredMountPointsOptions,
): readonly RestoredMountPoint[] {
  if (!given.has('rootfs')) {
    throw mountPointError(
      `mount points configured, but 'rootfs' not set - aborting`,
      'give --rootfs as well',
    );
  }
  for (const key of given.keys()) {
    if (!isMountPointKey(key)) throw badConfigValue(key, 'it is neither rootfs nor mpN');
  }
  const keys = [...given.keys()].sort((one, other) => numberOf(one) - numberOf(other));
  return keys.map((key) => {
    const mountPoint = parseMountPoint(key, given.get(key)!);
    if (mountPoint === undefined) throw badConfigValue(key, 'it needs a volume, and mp=PATH');
    const wanted = newVolume(mountPoint.volume);
    if (wanted === undefined) return { kind: 'kept', mountPoint };
    return planNew(mountPoint, wanted.storage, wanted.size, options);
  });
}

/** rootfs is one of its own: where it is not a volume, the restore fails. */
function isOfHost({ key, type }: MountPoint): boolean {
  return key !== 'rootfs' && type !== 'volume';
}

function leaveOut(
  { key, path, type }: MountPoint,
  { onWarning }: PlanRestoredMountPointsOptions,
): readonly [] {
  const message = `only root may restore ${type} mount point ${key} ('${printableName(path)}'): it is left out`;
  onWarning?.({ code: 'MOUNT_POINT_NOT_RESTORED', message, entry: key });
  return [];
}

function planArchived(mountPoint: MountPoint, options: PlanRestoredMountPointsOptions): RestoredMountPoint {
  const { key, type, path, size: sizeText } = mountPoint;
  if (type !== 'volume') {
    if (isOfHost(mountPoint) && wantsBackup(mountPoint)) {
      const message = `${type} mount point ${key} ('${printableName(path)}') was not in the backup, though it has backup=1`;
      options.onWarning?.({ code: 'MOUNT_POINT_NOT_RESTORED', message, entry: key });
    }
    return { kind: 'kept', mountPoint };
  }
  const size = sizeText === undefined ? undefined : parseSize(sizeText);
  if (size === undefined) {
    throw mountPointError(
      `unable to detect disk size - please specify ${key} (size)`,
      `give --${key} STORAGE:SIZE_IN_GIB`,
    );
  }
  return planNew(mountPoint, undefined, size, options);
}

function planNew(
  mountPoint: MountPoint,
  storageId: string | undefined,
  bytes: number,
  { storages, storage: fallback = DEFAULT_STORAGE_ID, node }: PlanRestoredMountPointsOptions,
): NewMountPoint {
  const storage = requireStorage(storages, storageId ?? fallback, node);
  const size = Math.ceil(bytes / KIB) * KIB;
  if (size === 0 && storage.kind === 'lvm') {
    throw mountPointError(`${mountPoint.key} needs a size on storage '${storage.id}'`, 'give one in GiB');
  }
  return { kind: 'new', mountPoint, storage, format: formatFor(storage, size), size };
}

/** File systems that can limit a directory's size get directories; others do for no size. */
function formatFor(storage: SupportedStorage, size: number): NewMountPoint['format'] {
  const limitsDirectories = storage.kind === 'zfs' || (storage.kind === 'directory' && storage.btrfs);
  return limitsDirectories || size === 0 ? 'subvol' : 'raw';
}

/** `local:4` and `4`: sizes in GiB. `undefined` for what names something that there is. */
function newVolume(text: string): { storage: string | undefined; size: number } | undefined {
  const id = parseVolumeId(text);
  const number = id === undefined ? text : id.name;
  if (!/^\d+(?:\.\d+)?$/.test(number)) return undefined;
  const size = Math.ceil(Number(number) * GIB);
  if (!Number.isSafeInteger(size)) throw mountPointError(`a volume cannot have ${printableName(number)} GiB`);
  return { storage: id?.storage, size };
}

function numberOf(key: string): number {
  return key === 'rootfs' ? -1 : Number(key.slice('mp'.length));
}

function mountPointError(message: string, hint?: string): ArchiveError {
  return new ArchiveError('RESTORE_MOUNT_POINTS', message, { hint });
}
