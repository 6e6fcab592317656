import { fileNameFault } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { badConfigValue, type Properties, parseBoolean, parsePropertiesOf } from '../config-syntax.js';
import { configValue, configValues, type GuestConfig, rawLxcLines } from './guest-config.js';

/** A container's root file system or a further mount point. */
export interface MountPoint {
  /** `rootfs`, `mp0`. */
  readonly key: string;
  /** A volume of a storage, a device file, or a directory of the host. */
  readonly type: 'volume' | 'device' | 'bind';
  /** `storage:name`, or an absolute path. */
  readonly volume: string;
  /** Where it is mounted in the container: `/` for rootfs, else an absolute path that goes down only. */
  readonly path: string;
  /** As it is written, `8G`. */
  readonly size: string | undefined;
  /** All of them; the volume is `volume`. */
  readonly properties: Properties;
}

export interface MountPointSelection {
  /** rootfs first. */
  readonly included: readonly MountPoint[];
  /** What rsync has to leave out by path; tar stays on the file systems of the others anyway. */
  readonly excluded: readonly MountPoint[];
  /** For the log, one line each. */
  readonly messages: readonly string[];
}

/** The default key of a mount point's property string. */
export const MOUNT_POINT_DEFAULT_KEY = 'volume';

const KEYS: readonly string[] = ['rootfs', ...Array.from({ length: 256 }, (_, index) => `mp${index}`)];

/** Whether a key of a container's configuration is that of a mount point. */
export function isMountPointKey(key: string): boolean {
  return KEYS.includes(key);
}

/**
 * A container's mount points, rootfs first, then in the order of their numbers. Those that name no volume or
 * no path are passed over. @throws `CONFIG_VALUE`
 */
export function mountPoints(config: GuestConfig): readonly MountPoint[] {
  const values = configValues(config);
  return KEYS.flatMap((key) => {
    const value = values.get(key);
    return value === undefined ? [] : (parseMountPoint(key, value) ?? []);
  });
}

/** `undefined` when it names no volume or no path. @throws `CONFIG_VALUE` */
export function parseMountPoint(key: string, text: string): MountPoint | undefined {
  const properties = parsePropertiesOf(key, text, MOUNT_POINT_DEFAULT_KEY);
  const volume = properties.get(MOUNT_POINT_DEFAULT_KEY);
  const path = key === 'rootfs' ? '/' : mountPath(key, properties.get('mp'));
  if (volume === undefined || path === undefined) return undefined;
  return { key, type: mountPointType(volume), volume, path, size: properties.get('size'), properties };
}

/** Which mount points a backup holds: rootfs, and the volumes with `backup=1`. @throws `CONFIG_VALUE` */
export function selectMountPoints(config: GuestConfig): MountPointSelection {
  const included: MountPoint[] = [];
  const excluded: MountPoint[] = [];
  const messages: string[] = [];
  for (const mountPoint of mountPoints(config)) {
    const { key, type, path } = mountPoint;
    const named = `mount point ${key} ('${printableName(path)}')`;
    const reason = reasonToExclude(mountPoint);
    if (reason === undefined) {
      included.push(mountPoint);
      messages.push(`including ${named} in backup`);
    } else {
      excluded.push(mountPoint);
      messages.push(`excluding ${type} ${named} from backup (${reason})`);
    }
  }
  return { included, excluded, messages };
}

/** Whether a mount point has `backup=1`. @throws `CONFIG_VALUE` */
export function wantsBackup({ key, properties }: MountPoint): boolean {
  const text = properties.get('backup') ?? '0';
  const backup = parseBoolean(text);
  if (backup === undefined) throw badConfigValue(key, `backup is 1 or 0, not '${printableName(text)}'`);
  return backup;
}

function reasonToExclude(mountPoint: MountPoint): string | undefined {
  if (mountPoint.key === 'rootfs') return undefined;
  if (mountPoint.type !== 'volume') return 'not a volume';
  return wantsBackup(mountPoint) ? undefined : 'disabled';
}

/** The path without what says nothing, such as slashes at its end. */
function mountPath(key: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const components = text.split('/').filter((component) => component !== '' && component !== '.');
  if (components.length === 0) throw badConfigValue(key, 'it is mounted where rootfs is');
  for (const component of components) {
    const fault = fileNameFault(component);
    if (fault !== undefined) throw badConfigValue(key, `it is mounted at '${printableName(text)}': ${fault}`);
  }
  return `/${components.join('/')}`;
}

function mountPointType(volume: string): MountPoint['type'] {
  if (!volume.startsWith('/')) return 'volume';
  return volume.startsWith('/dev/') ? 'device' : 'bind';
}

/** A range of a container's user or group ids, and what the host has for them. */
export interface IdRange {
  readonly kind: 'u' | 'g';
  /** The first id in the container. */
  readonly container: number;
  /** The first id on the host. */
  readonly host: number;
  readonly count: number;
}

const UNPRIVILEGED: readonly IdRange[] = [
  { kind: 'u', container: 0, host: 100000, count: 65536 },
  { kind: 'g', container: 0, host: 100000, count: 65536 },
];

const MAX_ID = 0xffffffff;

/**
 * How a container's ids are mapped: by its `lxc.idmap` lines, else, when it is unprivileged, to 65536 ids
 * from 100000; not at all when this is empty. Archives hold the ids as the container sees them.
 * @throws `CONFIG_VALUE`
 */
export function idMap(config: GuestConfig): readonly IdRange[] {
  const lines = rawLxcLines(config).filter(([key]) => key === 'lxc.idmap');
  if (lines.length > 0) return lines.map(([, value]) => parseIdRange(value));
  return isUnprivileged(config) ? UNPRIVILEGED : [];
}

/** As `lxc-usernsexec -m` takes it: `u:0:100000:65536`. */
export function formatIdRange({ kind, container, host, count }: IdRange): string {
  return [kind, container, host, count].join(':');
}

/** Whether its ids are mapped by default. @throws `CONFIG_VALUE` */
export function isUnprivileged(config: GuestConfig): boolean {
  const text = configValue(config, 'unprivileged') ?? '0';
  const unprivileged = parseBoolean(text);
  if (unprivileged === undefined) {
    throw badConfigValue('unprivileged', `it is 1 or 0, not '${printableName(text)}'`);
  }
  return unprivileged;
}

/** `u 0 100000 65536` */
function parseIdRange(text: string): IdRange {
  const match = /^([ug])\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})$/.exec(text);
  const [, kind, ...numbers] = match ?? [];
  const [container = 0, host = 0, count = 0] = numbers.map(Number);
  if (match === null || count === 0 || Math.max(container, host) + count - 1 > MAX_ID) {
    throw badConfigValue('lxc.idmap', `'${printableName(text)}' is not 'u' or 'g' and three numbers`);
  }
  return { kind: kind as IdRange['kind'], container, host, count };
}
