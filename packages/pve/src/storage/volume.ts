import { fileNameFault } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  CONTENT_DIRECTORIES,
  contentDirectory,
  type DirectoryStorage,
  type LvmStorage,
  requireStorage,
  STORAGE_ID,
  type StorageConfig,
  type SupportedStorage,
  type ZfsStorage,
} from './storage-config.js';

export type VolumeFormat = 'raw' | 'qcow2' | 'vmdk' | 'subvol';

/** Where a volume is. */
export interface Volume {
  /** Absolute. */
  readonly path: string;
  /** `subvol` is a directory, with a container's files. */
  readonly format: VolumeFormat;
  /** `undefined` for a path. */
  readonly storage: SupportedStorage | undefined;
}

/**
 * Where the volume is that a guest's configuration names: `local:100/vm-100-disk-0.qcow2`,
 * `local-lvm:vm-100-disk-0`, `local:backup/vzdump-…`, or an absolute path. Nothing that a configuration says
 * leads out of the storage.
 * @param node the name of this node, unless it does not matter
 * @throws `VOLUME_ID`, and `STORAGE_UNKNOWN`, `STORAGE_DISABLED`, `STORAGE_TYPE`
 */
export function resolveVolume(storages: StorageConfig, volume: string, node?: string): Volume {
  if (volume.startsWith('/')) return volumeAtPath(volume);
  const id = parseVolumeId(volume);
  if (id === undefined) throw badVolume(volume, 'it is neither STORAGE:NAME nor an absolute path');
  const storage = requireStorage(storages, id.storage, node);
  const components = id.name.split('/');
  for (const component of components) {
    const fault = fileNameFault(component);
    if (fault !== undefined) throw badVolume(volume, `'${printableName(component)}' is no name: ${fault}`);
  }
  switch (storage.kind) {
    case 'directory':
      return { ...locateFile(storage, components, volume), storage };
    case 'lvm':
      return { ...locateLogicalVolume(storage, components, volume), storage };
    case 'zfs':
      return { ...locateDataset(storage, components, volume), storage };
  }
}

/** The formats that a storage keeps guests' volumes in; the first one is what it prefers. */
export function storageFormats(storage: SupportedStorage): readonly VolumeFormat[] {
  if (storage.kind === 'lvm') return ['raw'];
  if (storage.kind === 'zfs') return ['raw', 'subvol'];
  return storage.btrfs ? ['raw', 'subvol'] : ['raw', 'qcow2', 'vmdk', 'subvol'];
}

export interface NewVolume {
  readonly vmid: number;
  /** What comes after the guest's number: `disk-0`, `cloudinit`. */
  readonly name: string;
  readonly format: VolumeFormat;
}

/** The id of a volume that a guest gets: `local:100/vm-100-disk-0.qcow2`, `local-zfs:subvol-101-disk-0`. */
export function newVolumeId(storage: SupportedStorage, { vmid, name, format }: NewVolume): string {
  const stem = `${format === 'subvol' ? 'subvol' : 'vm'}-${vmid}-${name}`;
  return storage.kind === 'directory' ? `${storage.id}:${vmid}/${stem}.${format}` : `${storage.id}:${stem}`;
}

/** The first number N for which none of a guest's volumes, by their file names, is its `disk-N`. */
export function nextDiskNumber(vmid: number, names: Iterable<string>): number {
  const pattern = new RegExp(`^(?:vm|base|subvol|basevol)-${vmid}-disk-(\\d+)(?:\\.|$)`);
  const taken = new Set([...names].map((name) => Number(pattern.exec(name)?.[1] ?? -1)));
  let number = 0;
  while (taken.has(number)) number++;
  return number;
}

function volumeAtPath(path: string): Volume {
  if (path.includes('\0')) throw badVolume(path, 'it holds a NUL byte');
  return {
    path,
    format: path.startsWith('/dev/') ? 'raw' : (formatOfName(path) ?? 'raw'),
    storage: undefined,
  };
}

/**
 * `VMID/NAME` is a guest's volume, `VMID/BASE/VMID/NAME` one that stands upon another; `CONTENT/NAME` is a
 * file of another content. On btrfs, a raw image is the file `disk.raw` in a subvolume of the image's name.
 */
function locateFile(
  storage: DirectoryStorage,
  components: readonly string[],
  volume: string,
): Omit<Volume, 'storage'> {
  const [content, ...rest] = components as [string, ...string[]];
  if (/^\d+$/.test(content)) {
    if (components.length !== 2 && components.length !== 4) throw badVolume(volume, 'it is not VMID/NAME');
    const [vmid, name] = components.slice(-2) as [string, string];
    const format = formatOfName(name);
    if (format === undefined || !/^\d+$/.test(vmid)) {
      throw badVolume(volume, 'its name ends in none of .raw, .qcow2, .vmdk and .subvol');
    }
    const stem = name.slice(0, -(format.length + 1));
    if (fileNameFault(stem) !== undefined) throw badVolume(volume, 'its name is an extension alone');
    const image = storage.btrfs && format === 'raw' ? `${stem}/disk.raw` : name;
    return { path: `${contentDirectory(storage, 'images')}/${vmid}/${image}`, format };
  }
  if (rest.length === 0 || !Object.hasOwn(CONTENT_DIRECTORIES, content) || content === 'images') {
    throw badVolume(volume, 'it is neither VMID/NAME nor CONTENT/NAME');
  }
  const format = content === 'rootdir' ? 'subvol' : 'raw';
  return { path: [contentDirectory(storage, content), ...rest].join('/'), format };
}

/** `NAME`, or `BASE/NAME` for one that stands upon another. */
function locateLogicalVolume(
  storage: LvmStorage,
  components: readonly string[],
  volume: string,
): Omit<Volume, 'storage'> {
  const name = lastOfTwo(components, volume);
  if (!/^(?:vm|base)-\d+-\S+$/.test(name)) throw badVolume(volume, 'it is not vm-VMID-NAME');
  return { path: `/dev/${storage.volumeGroup}/${name}`, format: name.endsWith('.qcow2') ? 'qcow2' : 'raw' };
}

/** As with LVM; `subvol-VMID-NAME` is a dataset, with files. */
function locateDataset(
  storage: ZfsStorage,
  components: readonly string[],
  volume: string,
): Omit<Volume, 'storage'> {
  const name = lastOfTwo(components, volume);
  const [, kind] = /^(vm|base|subvol|basevol)-\d+-\S+$/.exec(name) ?? [];
  if (kind === undefined) throw badVolume(volume, 'it is not vm-VMID-NAME or subvol-VMID-NAME');
  if (kind.endsWith('vol')) return { path: `${storage.mountPoint}/${name}`, format: 'subvol' };
  return { path: `/dev/zvol/${storage.pool}/${name}`, format: 'raw' };
}

function lastOfTwo(components: readonly string[], volume: string): string {
  if (components.length > 2) throw badVolume(volume, 'it has too many parts');
  return components.at(-1)!;
}

function formatOfName(name: string): VolumeFormat | undefined {
  return /\.(raw|qcow2|vmdk|subvol)$/.exec(name)?.[1] as VolumeFormat | undefined;
}

function badVolume(volume: string, why: string): ArchiveError {
  return new ArchiveError(
    'VOLUME_ID',
    `'${printableName(volume)}' is not a volume that can be found: ${why}`,
    {
      entry: volume,
    },
  );
}

/** A volume's name, as guests' configurations hold it: `local:100/vm-100-disk-0.qcow2`. */
export interface VolumeId {
  readonly storage: string;
  /** What the storage calls it: `100/vm-100-disk-0.qcow2`. */
  readonly name: string;
}

/** `undefined` when it is none: an absolute path, say, or `none`. */
export function parseVolumeId(text: string): VolumeId | undefined {
  const at = text.indexOf(':');
  if (at === -1) return undefined;
  const [storage, name] = [text.slice(0, at), text.slice(at + 1)];
  return STORAGE_ID.test(storage) && name !== '' ? { storage, name } : undefined;
}
