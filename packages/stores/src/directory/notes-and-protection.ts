import { writeFile } from 'node:fs/promises';
import { writeOutput } from '@vzdump-format/archives';
import { bytesToPath, ifThere, isThere, pathToBytes, removeIfThere } from '@vzdump-format/posix';
import { notesPath, protectionPath, requireBackup } from '@vzdump-format/pve';
import { ArchiveError, FileSource, type OnWarning } from '@vzdump-format/streams';

/** More is neither read nor written: notes are a text that somebody wrote. In bytes. */
export const MAX_NOTES_BYTES = 1 << 20;

/** Of a longer first line, a listing shows so much. In bytes. */
const LONGEST_FIRST_LINE = 4096;

/**
 * The notes of a backup as the file holds them; nothing in it when there are none.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`, `NOTES_SIZE`; the system's error when there is no such backup
 */
export async function readNotes(archive: string): Promise<Buffer> {
  await requireBackup(archive);
  const bytes = await beginningOfNotes(archive, MAX_NOTES_BYTES + 1);
  requireSize(bytes, archive);
  return bytes;
}

/** The first line of a backup's notes, without its end; nothing when there are none. */
export async function firstLineOfNotes(archive: string): Promise<string | undefined> {
  const bytes = await beginningOfNotes(archive, LONGEST_FIRST_LINE);
  const end = bytes.indexOf('\n');
  return bytesToPath(end < 0 ? bytes : bytes.subarray(0, end)) || undefined;
}

/**
 * Replaces the notes of a backup, as a whole and at once. An empty text removes them.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`, `NOTES_SIZE`; the system's error when there is no such backup
 */
export async function setNotes(archive: string, text: string, onWarning?: OnWarning): Promise<void> {
  await requireBackup(archive);
  const bytes = pathToBytes(text);
  requireSize(bytes, archive);
  if (bytes.length === 0) await removeIfThere(notesPath(archive));
  else await writeOutput(once(bytes), notesPath(archive), { overwrite: true, onWarning });
}

function requireSize(bytes: Uint8Array, archive: string): void {
  if (bytes.length <= MAX_NOTES_BYTES) return;
  throw new ArchiveError('NOTES_SIZE', `notes of more than ${MAX_NOTES_BYTES} bytes, for ${archive}`, {
    entry: archive,
  });
}

/** The first bytes of the notes; none when there are no notes. */
async function beginningOfNotes(archive: string, limit: number): Promise<Buffer> {
  const file = await ifThere(FileSource.open(notesPath(archive)));
  if (file === undefined) return Buffer.alloc(0);
  try {
    const buffer = Buffer.alloc(Math.min(limit, file.size));
    return buffer.subarray(0, await file.read(buffer, 0));
  } finally {
    await file.close();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * Whether a backup is protected: neither pruned nor removed. A marker beside it says so.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`; the system's error when there is no such backup, or it cannot be told
 */
export async function isProtected(archive: string): Promise<boolean> {
  await requireBackup(archive);
  return isThere(protectionPath(archive));
}

/** Protects a backup, or no longer. @throws as `isProtected` */
export async function setProtected(archive: string, protect: boolean): Promise<void> {
  await requireBackup(archive);
  const marker = protectionPath(archive);
  if (!protect) await removeIfThere(marker);
  else if (!(await isThere(marker))) await writeFile(marker, '', { flag: 'a', mode: 0o644 });
}
