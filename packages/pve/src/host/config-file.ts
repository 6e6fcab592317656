import { closeSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ifThere, makeDirectories } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning, PendingFile, writeFully } from '@vzdump-format/streams';

/** More than any configuration has, and what bounds the memory that one can claim. */
const MAX_CONFIG_SIZE = 4 * 1024 * 1024;
const CHUNK_SIZE = 64 * 1024;

/** As Proxmox VE has it: configurations hold passwords. */
const NEW_FILE_MODE = 0o640;

/**
 * Reads a file by synchronous calls: they take less time than waking a thread that waits for them.
 * @throws `CONFIG_SIZE`, and the system's errors.
 */
export async function readConfigFile(path: string): Promise<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    const chunks: Uint8Array[] = [];
    for (let size = 0; size <= MAX_CONFIG_SIZE; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_SIZE);
      const read = readSync(file, chunk);
      if (read === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, read));
      size += read;
    }
  } finally {
    closeSync(file);
  }
  throw new ArchiveError('CONFIG_SIZE', `${path} is too large for a configuration`, { entry: path });
}

export interface WriteConfigOptions {
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  /** Told of what fails once the file has its name, see `PendingFile`. */
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Writes a file whole or not at all, and makes its directory if need be. Not everybody may read a new one.
 * @throws `FILE_EXISTS` unless `overwrite`
 */
export async function writeConfigFile(
  path: string,
  bytes: Uint8Array,
  options: WriteConfigOptions,
): Promise<void> {
  const { overwrite = false } = options;
  makeDirectories(dirname(path));
  const pending = await PendingFile.create(path, options);
  try {
    await adoptAttributes(pending.handle, overwrite ? await ifThere(stat(path)) : undefined);
    await writeFully(pending.handle, bytes, 0);
    await pending.commit();
  } catch (error) {
    await pending.discard();
    throw error;
  }
}

/**
 * A file that is replaced keeps its mode and its owner. Nothing is set to what it is: Proxmox VE's file
 * system, where files always have the right mode and owner, would refuse it.
 */
async function adoptAttributes(file: FileHandle, replaced: Stats | undefined): Promise<void> {
  const own = await file.stat();
  if (replaced !== undefined && (own.uid !== replaced.uid || own.gid !== replaced.gid)) {
    await file.chown(replaced.uid, replaced.gid);
  }
  const mode = (replaced?.mode ?? NEW_FILE_MODE) & 0o777;
  if ((own.mode & 0o777) !== mode) await file.chmod(mode);
}
