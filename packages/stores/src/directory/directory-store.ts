import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { INDEX_EXTENSION, indexesOf, isIndexFile } from '@vzdump-format/archives';
import { isThere, removeIfThere } from '@vzdump-format/posix';
import {
  guestOfName,
  notesPath,
  parseBackupName,
  protectionPath,
  requireBackupExtension,
} from '@vzdump-format/pve';
import { ArchiveError, type ByteSource, FileSource, type OnWarning } from '@vzdump-format/streams';
import type {
  Backup,
  BackupGuest,
  BackupStore,
  BackupWriter,
  ListBackupsOptions,
  NewBackupOptions,
  StoredBackup,
} from '../backup-store.js';
import { inDirectory } from './backup-names.js';
import { ARCHIVE_STREAM, DirectoryWriter, requireArchiveStream } from './directory-writer.js';
import { listBackups } from './list-backups.js';
import { isProtected, readNotes, setNotes, setProtected } from './notes-and-protection.js';

/**
 * A directory of dumps, as vzdump keeps them: `vzdump-TYPE-VMID-TIME.vma.zst`, beside it the log,
 * `….vma.zst.notes` and `….vma.zst.protected`. A backup's id is the name of its archive, its one stream.
 */
export class DirectoryStore implements BackupStore {
  /**
   * @param location a directory, which need not be there before something is asked of it
   * @param prefix what stands before each name in it
   */
  constructor(
    readonly location: string,
    private readonly prefix = inDirectory(location, ''),
  ) {}

  /** The store that a path leads into, and the id there. Paths are told as this one was given. */
  static ofBackup(path: string): { readonly store: DirectoryStore; readonly id: string } {
    const prefix = path.slice(0, path.lastIndexOf('/') + 1);
    return { store: new DirectoryStore(prefix || '.', prefix), id: path.slice(prefix.length) };
  }

  list(options: ListBackupsOptions): Promise<Backup[]> {
    return listBackups(this.location, options);
  }

  async open(id: string): Promise<StoredBackup> {
    const path = this.pathOf(id);
    await stat(path);
    return {
      path,
      streams: [ARCHIVE_STREAM],
      source: async (stream): Promise<ByteSource> => {
        requireArchiveStream(stream, path);
        return FileSource.open(path);
      },
    };
  }

  begin(options: NewBackupOptions): Promise<BackupWriter> {
    return DirectoryWriter.begin(this.location, options);
  }

  async remove(id: string, onWarning: OnWarning): Promise<void> {
    await removeBackup(this.pathOf(id), onWarning);
  }

  async removeOrphans(onWarning: OnWarning): Promise<void> {
    for (const name of await readdir(this.location)) {
      if (isIndexOfBackup(name)) await removeOrphan(this.pathOf(name), onWarning);
    }
  }

  async readNotes(id: string): Promise<Buffer> {
    return readNotes(this.pathOf(id));
  }

  async setNotes(id: string, text: string, onWarning?: OnWarning): Promise<void> {
    await setNotes(this.pathOf(id), text, onWarning);
  }

  async isProtected(id: string): Promise<boolean> {
    return isProtected(this.pathOf(id));
  }

  async setProtected(id: string, protect: boolean): Promise<void> {
    await setProtected(this.pathOf(id), protect);
  }

  guestOf(id: string): BackupGuest | undefined {
    const name = parseBackupName(id);
    const vmid = name && guestOfName(name);
    return vmid === undefined ? undefined : { type: name!.type, vmid };
  }

  pathOf(id: string): string {
    const path = this.prefix + id;
    if (!id.includes('/')) return path;
    throw new ArchiveError('BACKUP_NAME', `'${id}' is not the name of a backup in ${this.location}`, {
      entry: path,
    });
  }
}

/**
 * Removes a backup with its notes, its index and, if its name is as vzdump makes them, its log. What is not
 * there need not be removed; what cannot be, beside the archive itself, is a warning.
 * @throws `BACKUP_PROTECTED`, `BACKUP_NAME`; the system's error
 */
export async function removeBackup(archive: string, onWarning: OnWarning): Promise<void> {
  requireBackupExtension(archive);
  if (await isThere(protectionPath(archive))) {
    throw new ArchiveError('BACKUP_PROTECTED', `cannot remove protected archive '${archive}'`, {
      entry: archive,
      hint: 'take the protection away first: protect --off ARCHIVE',
    });
  }
  const belonging = [...companions(archive), ...(await indexesOf(archive))];
  await removeIfThere(archive);
  for (const path of belonging) {
    await removeIfThere(path).catch((error: Error) => {
      const message = `${archive} is removed, and something of it is left: ${error.message}`;
      onWarning({ code: 'BACKUP_LEFTOVER', message, entry: path });
    });
  }
}

/** What goes with a backup, beside its index. */
function companions(archive: string): string[] {
  const stem = parseBackupName(archive)?.standard?.stem;
  const log = stem === undefined ? [] : [inDirectory(dirname(archive), `${stem}.log`)];
  return [...log, notesPath(archive)];
}

function isIndexOfBackup(name: string): boolean {
  if (!name.endsWith(INDEX_EXTENSION)) return false;
  return parseBackupName(name.slice(0, -INDEX_EXTENSION.length)) !== undefined;
}

async function removeOrphan(index: string, onWarning: OnWarning): Promise<void> {
  try {
    const isOrphan = !(await isThere(index.slice(0, -INDEX_EXTENSION.length)));
    if (isOrphan && (await isIndexFile(index))) await removeIfThere(index);
  } catch (error) {
    const message = `an index is left of a backup that is gone: ${(error as Error).message}`;
    onWarning({ code: 'BACKUP_LEFTOVER', message, entry: index });
  }
}
