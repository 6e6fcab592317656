import { fileNameFault } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { badConfigValue, type Properties, parseBoolean, parsePropertiesOf } from '../syntax/config-values.js';
import { configValues, type GuestConfig } from './guest-config.js';

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
  /** What rsync leaves out by path; tar stays on the file systems that it is told. */
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
