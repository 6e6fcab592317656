import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { bytesToPath, hasEscapedBytes, pathToBytes } from '@vzdump-format/posix';
import { type BackupName, guestOfName, notesPath, parseBackupName, protectionPath } from '@vzdump-format/pve';
import { isNotFound, mapOrdered, type OnWarning } from '@vzdump-format/streams';
import type { Backup, BackupFilter, ListBackupsOptions } from '../backup-store.js';
import { inDirectory } from './backup-names.js';
import { firstLineOfNotes } from './notes-and-protection.js';

const CONCURRENCY = 16;

/** Where backups stand whose guest is not known. */
const LAST = Number.MAX_SAFE_INTEGER;

/**
 * The backups in a directory, by guest, each guest's from the oldest to the newest. Files that vzdump's own
 * tools would not take for backups are passed over; so are directories and what else is not a file.
 * @throws the system's error when the directory cannot be read
 */
export async function listBackups(directory: string, options: ListBackupsOptions): Promise<Backup[]> {
  const names = (await readdir(directory, { encoding: 'buffer' })).map(bytesToPath);
  const present = new Set(names);
  const found = names.flatMap((fileName) => {
    const name = parseBackupName(fileName);
    return name !== undefined && isWanted(name, options) ? [name] : [];
  });
  const backups: Backup[] = [];
  for await (const backup of mapOrdered(found, CONCURRENCY, (name) =>
    lookAt(directory, name, present, options),
  )) {
    options.signal?.throwIfAborted();
    if (backup !== undefined) backups.push(backup);
  }
  return backups.sort(byGuestAndTime);
}

function isWanted(name: BackupName, { type, vmid }: BackupFilter): boolean {
  return (type === undefined || name.type === type) && (vmid === undefined || guestOfName(name) === vmid);
}

async function lookAt(
  directory: string,
  name: BackupName,
  present: ReadonlySet<string>,
  { onWarning }: ListBackupsOptions,
): Promise<Backup | undefined> {
  const path = inDirectory(directory, name.fileName);
  const file = await fileAt(path, onWarning);
  if (file === undefined) return undefined;
  const hasNotes = present.has(notesPath(name.fileName)) && !hasEscapedBytes(name.fileName);
  return {
    id: name.fileName,
    ...{ path, name },
    vmid: guestOfName(name),
    size: file.size,
    ctime: name.standard?.ctime ?? Math.floor(file.mtimeMs / 1000),
    notes: hasNotes ? await notesAt(path, onWarning) : undefined,
    isProtected: present.has(protectionPath(name.fileName)),
  };
}

/** Nothing when it is no file, or is gone meanwhile. */
async function fileAt(path: string, onWarning: OnWarning): Promise<Stats | undefined> {
  try {
    const file = await stat(pathToBytes(path));
    return file.isFile() ? file : undefined;
  } catch (error) {
    if (!isNotFound(error)) {
      onWarning(unreadable('BACKUP_UNREADABLE', path, error, 'is not listed'));
    }
    return undefined;
  }
}

async function notesAt(path: string, onWarning: OnWarning): Promise<string | undefined> {
  try {
    return await firstLineOfNotes(path);
  } catch (error) {
    onWarning(unreadable('NOTES_UNREADABLE', notesPath(path), error, 'is taken for empty'));
    return undefined;
  }
}

function unreadable(code: string, path: string, error: unknown, consequence: string) {
  const message = `${path} ${consequence}: ${(error as Error).message}`;
  return { code, message, entry: path };
}

function byGuestAndTime(one: Backup, other: Backup): number {
  return (
    (one.vmid ?? LAST) - (other.vmid ?? LAST) ||
    compare(one.name.type, other.name.type) ||
    one.ctime - other.ctime ||
    compare(one.name.fileName, other.name.fileName)
  );
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
