import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isThere } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';
import {
  contentDirectory,
  type DirectoryStorage,
  requireBackupStorage,
  STORAGE_ID,
  type StorageConfig,
} from '../storage/storage-config.js';
import { parseVolumeId, resolveVolume } from '../storage/volume.js';
import { PveRoot } from './pve-root.js';

/** What a name stands for. */
export interface BackupLocation {
  /** Of a backup, or of a directory of them. */
  readonly path: string;
  /** What the name tells of; `undefined` where it is a path. */
  readonly storage: DirectoryStorage | undefined;
}

export interface LocateOptions {
  /** The directory of Proxmox VE's configuration; unless given, /etc/pve as far as it can be read. */
  readonly pveRoot?: string | undefined;
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Where backups are: a path, or the id of a storage (`local`). What is there by that name is a path.
 * @throws as `requireBackupStorage`
 */
export async function locateBackups(name: string, options: LocateOptions = {}): Promise<BackupLocation> {
  const asPath = { path: name, storage: undefined };
  if (!STORAGE_ID.test(name) || (await isThere(name))) return asPath;
  const known = await readStorages(options);
  if (!known?.storages.has(name)) return asPath;
  const storage = requireBackupStorage(known.storages, name, known.node);
  return { path: contentDirectory(storage, 'backup'), storage };
}

/**
 * Where one backup is: a path, or a volume (`local:backup/NAME`).
 * @throws `PVE_ROOT`, `VOLUME_ID`, and as `requireStorage`
 */
export async function locateBackup(name: string, options: LocateOptions = {}): Promise<BackupLocation> {
  if (!isBackupVolume(name)) return { path: name, storage: undefined };
  const root = await PveRoot.open(options.pveRoot, options);
  return locateVolume(await root.storages(), name, root.node);
}

/** Whether a name is that of a backup on a storage. */
export function isBackupVolume(name: string): boolean {
  return parseVolumeId(name)?.name.startsWith('backup/') ?? false;
}

/** Where a backup is that `isBackupVolume`. @throws `VOLUME_ID`, and as `requireStorage` */
export function locateVolume(storages: StorageConfig, name: string, node: string): BackupLocation {
  const { path, storage } = resolveVolume(storages, name, node);
  return { path, storage: storage?.kind === 'directory' ? storage : undefined };
}

/** The storage that keeps its backups where this one is, as far as that can be read. */
export async function findStorageOf(
  archive: string,
  options: LocateOptions = {},
): Promise<DirectoryStorage | undefined> {
  const known = await readStorages(options);
  return known && storageOf(known.storages, archive);
}

/** Of these storages, the one that keeps its backups where this one is; symbolic links are followed. */
export function storageOf(storages: StorageConfig, archive: string): DirectoryStorage | undefined {
  const directory = withoutLinks(dirname(resolve(archive)));
  return [...storages.values()].find(
    (storage): storage is DirectoryStorage =>
      storage.kind === 'directory' && withoutLinks(contentDirectory(storage, 'backup')) === directory,
  );
}

/** `undefined` where no configuration was asked for, and none can be read. */
async function readStorages({ pveRoot, onWarning }: LocateOptions) {
  try {
    const root = await PveRoot.open(pveRoot, { onWarning });
    return { storages: await root.storages(), node: root.node };
  } catch (error) {
    if (pveRoot !== undefined) throw error;
    return undefined;
  }
}

function withoutLinks(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory; // it is not there
  }
}
