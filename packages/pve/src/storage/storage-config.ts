import { fileNameFault } from '@vzdump-format/file-tree';
import { isMountPoint, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { parseMaxFiles, parseRetention, type Retention } from '../backup/retention.js';
import {
  type ConfigSection,
  type ParseConfigOptions,
  parseBoolean,
  parsePropertyString,
  parseSections,
  splitList,
} from '../config-syntax.js';
import { type BandwidthLimits, parseBandwidthLimits } from './datacenter-config.js';

interface StorageBase {
  readonly id: string;
  /** As storage.cfg has it: `dir`, `lvmthin`. */
  readonly type: string;
  /** What may be kept there: `backup`, `images`, `rootdir`, … */
  readonly content: ReadonlySet<string>;
  readonly disabled: boolean;
  /** The nodes that it is for; all when it names none. */
  readonly nodes: ReadonlySet<string> | undefined;
  readonly bandwidthLimits: BandwidthLimits | undefined;
  readonly retention: Retention | undefined;
  /** How many protected backups a guest may have there; -1 is any number. */
  readonly maxProtectedBackups: number | undefined;
  /** All keys of the section. */
  readonly properties: ReadonlyMap<string, string>;
}

/** `dir`, `nfs`, `cifs` and `btrfs`: files in a directory. */
export interface DirectoryStorage extends StorageBase {
  readonly kind: 'directory';
  /** Absolute. */
  readonly path: string;
  /** Of the contents that are not in their usual place below `path`, by content: `backup` → `custom/dump`. */
  readonly contentDirectories: ReadonlyMap<string, string>;
  /** The directory that something has to be mounted at for `path` to be the storage's. */
  readonly mountedAt: string | undefined;
  /** On btrfs, raw images have subvolumes of their own. */
  readonly btrfs: boolean;
}

/** `lvm` and `lvmthin`: logical volumes. */
export interface LvmStorage extends StorageBase {
  readonly kind: 'lvm';
  readonly volumeGroup: string;
  /** The thin pool, for `lvmthin`. */
  readonly thinPool: string | undefined;
}

/** `zfspool`: zvols, and datasets for containers. */
export interface ZfsStorage extends StorageBase {
  readonly kind: 'zfs';
  /** `rpool/data`. */
  readonly pool: string;
  /** Where its datasets are mounted. */
  readonly mountPoint: string;
}

/** Every other type, of which nothing but its presence is known. */
export interface UnsupportedStorage extends StorageBase {
  readonly kind: 'unsupported';
}

export type Storage = DirectoryStorage | LvmStorage | ZfsStorage | UnsupportedStorage;
export type SupportedStorage = Exclude<Storage, UnsupportedStorage>;

/** The storages by id. */
export type StorageConfig = ReadonlyMap<string, Storage>;

/** A storage's id: two or more characters, beginning with a letter. */
export const STORAGE_ID = /^[a-z][a-z0-9._-]*[a-z0-9]$/i;

/** The storage that is always there, and where backups go unless something else is said. */
export const DEFAULT_STORAGE_ID = 'local';

const DEFAULT_LOCAL: ConfigSection = {
  type: 'dir',
  id: DEFAULT_STORAGE_ID,
  properties: new Map([
    ['path', '/var/lib/vz'],
    ['content', 'backup,images,iso,rootdir,snippets,vztmpl'],
  ]),
};

/** What a storage holds that does not say: by type, `images` alone otherwise. */
const DEFAULT_CONTENT: Readonly<Record<string, readonly string[]>> = {
  dir: ['images', 'rootdir'],
  btrfs: ['images', 'rootdir'],
  lvmthin: ['images', 'rootdir'],
  zfspool: ['images', 'rootdir'],
};

/** Where each content is, below a directory storage's path. */
export const CONTENT_DIRECTORIES: Readonly<Record<string, string>> = {
  images: 'images',
  rootdir: 'private',
  vztmpl: 'template/cache',
  iso: 'template/iso',
  backup: 'dump',
  snippets: 'snippets',
  import: 'import',
};

/**
 * Reads storage.cfg. `local` is there in any case, as a directory /var/lib/vz.
 *
 * Never fails: storages that cannot be are passed over with the warning `STORAGE_SECTION`, single values that
 * cannot be with `STORAGE_VALUE`.
 */
export function parseStorageConfig(text: string, options: ParseConfigOptions = {}): StorageConfig {
  const storages = new Map<string, Storage>();
  const sections = parseSections(text, options);
  const hasLocal = sections.some(({ id }) => id === DEFAULT_STORAGE_ID);
  for (const section of hasLocal ? sections : [DEFAULT_LOCAL, ...sections]) {
    try {
      if (!STORAGE_ID.test(section.id)) throw new Error('that cannot be the id of a storage');
      if (storages.has(section.id)) throw new Error('there is one of that id already');
      storages.set(section.id, storageOf(section, options));
    } catch (error) {
      const message = `storage '${printableName(section.id)}' is left out: ${(error as Error).message}`;
      options.onWarning?.({ code: 'STORAGE_SECTION', message, entry: section.id });
    }
  }
  return storages;
}

/**
 * The storage of that id, which can be used here, and now: where something has to be mounted, it is.
 * @param node the name of this node, unless it does not matter
 * @throws `STORAGE_UNKNOWN`, `STORAGE_DISABLED`, `STORAGE_TYPE`, `STORAGE_NOT_MOUNTED`
 */
export function requireStorage(storages: StorageConfig, id: string, node?: string): SupportedStorage {
  return mounted(configuredStorage(storages, id, node));
}

/** As `requireStorage`, whether it is mounted or not. */
function configuredStorage(storages: StorageConfig, id: string, node?: string): SupportedStorage {
  const storage = storages.get(id);
  const named = `storage '${printableName(id)}'`;
  if (storage === undefined) {
    throw new ArchiveError('STORAGE_UNKNOWN', `${named} does not exist`, {
      hint: `there are ${[...storages.keys()].join(', ')}`,
    });
  }
  if (storage.disabled) throw new ArchiveError('STORAGE_DISABLED', `${named} is disabled`);
  if (node !== undefined && storage.nodes !== undefined && !storage.nodes.has(node)) {
    throw new ArchiveError('STORAGE_DISABLED', `${named} is not available on node '${node}'`);
  }
  if (storage.kind === 'unsupported') {
    throw new ArchiveError(
      'STORAGE_TYPE',
      `${named} is of the type ${printableName(storage.type)}, which cannot be used here`,
      {
        hint: 'types that can are dir, nfs, cifs, btrfs, lvm, lvmthin and zfspool',
      },
    );
  }
  return storage;
}

/**
 * What would go to a directory where nothing is mounted would go to the host's own disk. @throws
 * `STORAGE_NOT_MOUNTED`
 */
function mounted<Kind extends SupportedStorage>(storage: Kind): Kind {
  const mountedAt = storage.kind === 'directory' ? storage.mountedAt : undefined;
  if (mountedAt === undefined || isMountPoint(mountedAt)) return storage;
  const why = `directory is expected to be a mount point but is not mounted: '${printableName(mountedAt)}'`;
  throw new ArchiveError('STORAGE_NOT_MOUNTED', `unable to activate storage '${storage.id}' - ${why}`, {
    entry: mountedAt,
    hint: 'mount it first',
  });
}

/**
 * The storage of that id, to keep backups on. @throws as `requireStorage`, and `STORAGE_CONTENT` when backups
 * may not be kept there, `STORAGE_TYPE` when they cannot.
 */
export function requireBackupStorage(storages: StorageConfig, id: string, node?: string): DirectoryStorage {
  const storage = configuredStorage(storages, id, node);
  if (!storage.content.has('backup')) {
    throw new ArchiveError('STORAGE_CONTENT', `can't use storage '${id}' for backups - wrong content type`, {
      hint: "add 'backup' to its content in storage.cfg",
    });
  }
  if (storage.kind === 'directory') return mounted(storage);
  throw new ArchiveError('STORAGE_TYPE', `storage '${id}' keeps no files, so no backups`);
}

/** The directory of a content: `backup` → `/var/lib/vz/dump`. */
export function contentDirectory(storage: DirectoryStorage, content: string): string {
  const below = storage.contentDirectories.get(content) ?? CONTENT_DIRECTORIES[content];
  return `${storage.path === '/' ? '' : storage.path}/${below}`;
}

function storageOf(section: ConfigSection, options: ParseConfigOptions): Storage {
  const { id, type, properties } = section;
  const base: StorageBase = {
    ...{ id, type, properties },
    content: new Set(list(properties.get('content')) ?? DEFAULT_CONTENT[type] ?? ['images']),
    disabled: flag(properties.get('disable')),
    nodes: setOf(list(properties.get('nodes'))),
    bandwidthLimits: optional(section, 'bwlimit', parseBandwidthLimits, options),
    retention: properties.has('prune-backups')
      ? optional(section, 'prune-backups', parseRetention, options)
      : optional(section, 'maxfiles', parseMaxFiles, options),
    maxProtectedBackups: optional(section, 'max-protected-backups', parseCount, options),
  };
  switch (type) {
    case 'dir':
    case 'btrfs':
    case 'nfs':
    case 'cifs':
      return directoryStorage(base, section);
    case 'lvm':
    case 'lvmthin': {
      const thinPool = type === 'lvmthin' ? component(required(properties, 'thinpool')) : undefined;
      return { ...base, kind: 'lvm', volumeGroup: component(required(properties, 'vgname')), thinPool };
    }
    case 'zfspool': {
      const pool = relativePath(required(properties, 'pool'));
      return {
        ...base,
        kind: 'zfs',
        pool,
        mountPoint: absolutePath(properties.get('mountpoint') ?? `/${pool}`),
      };
    }
    default:
      return { ...base, kind: 'unsupported' };
  }
}

function directoryStorage(base: StorageBase, { id, type, properties }: ConfigSection): DirectoryStorage {
  const isNetwork = type === 'nfs' || type === 'cifs';
  const contentDirectories = new Map(
    [...parsePropertyString(properties.get('content-dirs') ?? '')].map(([content, path]) => [
      content,
      relativePath(path),
    ]),
  );
  const path = absolutePath(
    properties.get('path') ?? (isNetwork ? `/mnt/pve/${id}` : required(properties, 'path')),
  );
  const mountedAt = isNetwork ? path : expectedMount(properties.get('is_mountpoint'), path);
  return { ...base, kind: 'directory', path, mountedAt, contentDirectories, btrfs: type === 'btrfs' };
}

/** What `is_mountpoint` asks for: yes for the storage's own path, or another one. */
function expectedMount(text: string | undefined, path: string): string | undefined {
  if (text === undefined || parseBoolean(text) === false) return undefined;
  return flag(text) ? path : absolutePath(text);
}

/** A value that is dropped with a warning where it cannot be read. */
function optional<Value>(
  { id, properties }: ConfigSection,
  key: string,
  parse: (text: string) => Value,
  { onWarning }: ParseConfigOptions,
): Value | undefined {
  const text = properties.get(key);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    const message = `${key} of storage '${printableName(id)}' does not count: ${(error as Error).message}`;
    onWarning?.({ code: 'STORAGE_VALUE', message, entry: id });
    return undefined;
  }
}

function required(properties: ReadonlyMap<string, string>, key: string): string {
  const value = properties.get(key);
  if (value === undefined || value === '') throw new Error(`it has no ${key}`);
  return value;
}

/** A key without a value says yes. */
function flag(text: string | undefined): boolean {
  return text === '' || (text !== undefined && parseBoolean(text) === true);
}

function list(text: string | undefined): readonly string[] | undefined {
  return text === undefined ? undefined : splitList(text);
}

function setOf(values: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return values === undefined || values.length === 0 ? undefined : new Set(values);
}

function parseCount(text: string): number {
  if (!/^-?\d{1,9}$/.test(text) || Number(text) < -1) throw new Error(`not a number of backups: ${text}`);
  return Number(text);
}

function absolutePath(text: string): string {
  if (!text.startsWith('/') || text.includes('\0')) {
    throw new Error(`'${printableName(text)}' is not an absolute path`);
  }
  let length = text.length;
  while (length > 1 && text[length - 1] === '/') length--;
  return text.slice(0, length);
}

/** Goes down only, so that it never leads outside of what it is relative to. */
function relativePath(text: string): string {
  const parts = text.split('/').filter((part) => part !== '');
  if (parts.length === 0) throw new Error(`'${printableName(text)}' is not a path`);
  return parts.map(component).join('/');
}

function component(text: string): string {
  const fault = fileNameFault(text);
  if (fault !== undefined) throw new Error(`'${printableName(text)}' cannot be a name: ${fault}`);
  return text;
}
