import type { StoredArchive } from '@vzdump-format/archives';
import { type DirectoryStorage, type LocateOptions, locateBackup, locateBackups } from '@vzdump-format/pve';
import type { BackupStore } from './backup-store.js';
import { DirectoryStore } from './directory/directory-store.js';
import { ARCHIVE_STREAM } from './directory/directory-writer.js';

/** A store, and what is known of it. */
export interface LocatedStore {
  readonly store: BackupStore;
  /** What the name tells of; `undefined` where it is a path. */
  readonly storage: DirectoryStorage | undefined;
}

/** The store that a name stands for: a path, or the id of a storage (`local`). @throws as `locateBackups` */
export async function locateStore(name: string, options?: LocateOptions): Promise<LocatedStore> {
  const { path, storage } = await locateBackups(name, options);
  return { store: new DirectoryStore(path), storage };
}

/** One backup, and the store that keeps it. */
export interface LocatedBackup extends LocatedStore {
  readonly id: string;
  /** As messages name it; of one that is a file, its path. */
  readonly path: string;
}

/** The backup that a name stands for: a path, or a volume (`local:backup/NAME`). @throws as `locateBackup` */
export async function locateStoredBackup(name: string, options?: LocateOptions): Promise<LocatedBackup> {
  const { path, storage } = await locateBackup(name, options);
  return { ...DirectoryStore.ofBackup(path), path, storage };
}

/**
 * The archive that a path leads to, whatever it is called, in the store around it; as `openArchive` takes it.
 */
export function archiveAt(path: string): StoredArchive {
  const { store, id } = DirectoryStore.ofBackup(path);
  return { path, open: async () => (await store.open(id)).source(ARCHIVE_STREAM) };
}
