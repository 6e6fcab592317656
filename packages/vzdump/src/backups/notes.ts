import { bytesToPath, pathToBytes } from '@vzdump-format/posix';
import { ArchiveError, FileSource } from '@vzdump-format/streams';
import { writeOutput } from '../output-file.js';
import { removeIfThere, requireBackup, unlessMissing } from './backup-file.js';
import { notesPath } from './backup-name.js';

/** More is neither read nor written: notes are a text that somebody wrote. In bytes. */
const LONGEST = 1 << 20;

/** Of a longer first line, a listing shows so much. In bytes. */
const LONGEST_FIRST_LINE = 4096;

/**
 * The notes of a backup, all of them; empty when there are none. Bytes that are not UTF-8 are carried as `bytesToPath`
 * does, so that `pathToBytes` gives back what the file holds.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`, `NOTES_SIZE`; the system's error when there is no such backup
 */
export async function getNotes(archive: string): Promise<string> {
  await requireBackup(archive);
  const bytes = await readNotes(archive, LONGEST + 1);
  requireSize(bytes, archive);
  return bytesToPath(bytes);
}

/** The first line of a backup's notes, without its end; nothing when there are none. */
export async function firstLineOfNotes(archive: string): Promise<string | undefined> {
  const bytes = await readNotes(archive, LONGEST_FIRST_LINE);
  const end = bytes.indexOf('\n');
  return bytesToPath(end < 0 ? bytes : bytes.subarray(0, end)) || undefined;
}

/**
 * Replaces the notes of a backup, as a whole and at once. An empty text removes them.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`, `NOTES_SIZE`; the system's error when there is no such backup
 */
export async function setNotes(archive: string, text: string): Promise<void> {
  await requireBackup(archive);
  const bytes = pathToBytes(text);
  requireSize(bytes, archive);
  if (bytes.length === 0) await removeIfThere(notesPath(archive));
  else await writeOutput(once(bytes), notesPath(archive), { overwrite: true });
}

function requireSize(bytes: Uint8Array, archive: string): void {
  if (bytes.length <= LONGEST) return;
  throw new ArchiveError('NOTES_SIZE', `notes of more than ${LONGEST} bytes, for ${archive}`, {
    entry: archive,
  });
}

/** The first bytes of the notes; none when there are no notes. */
async function readNotes(archive: string, limit: number): Promise<Buffer> {
  const file = await unlessMissing(FileSource.open(notesPath(archive)));
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
