import { closeFile, type OpenDirectory } from '@vzdump-format/posix';
import { ClaimedSource, hiddenName, isFileRange } from '@vzdump-format/streams';
import type { ContentInPieces, FileEntry } from '../entry/entry.js';
import { piecesOf } from '../entry/whole-content.js';
import { ContentWriter, writeContent } from './restore-content.js';
import { OpenInode } from './restore-inode.js';
import type { Restoration } from './restore-run.js';

/**
 * Until its content is there and its metadata are set, a file is nobody else's business; but for one that has
 * them from the start, which is anybody's whom it will be.
 */
const PRIVATE = 0o600;

const NO_CONTENT = new Uint8Array(0);

/** @returns whether it was made, a promise when its content comes in pieces */
export function restoreFile(run: Restoration, name: string, entry: FileEntry): boolean | Promise<boolean> {
  const { content = NO_CONTENT } = entry;
  return content instanceof Uint8Array
    ? restoreAtOnce(run, name, entry, content)
    : restoreInPieces(run, name, entry, content);
}

/**
 * Under its name from the start: nothing but the end of the process can come between that and its content.
 */
function restoreAtOnce(run: Restoration, name: string, entry: FileEntry, content: Uint8Array): boolean {
  const { metadata, options } = run;
  const { directory, newFiles } = run.directories.current;
  const isPlain = newFiles.mayHaveModes && metadata.isPlain(entry, newFiles.known);
  const mode = isPlain ? entry.mode : PRIVATE;
  let fd: number;
  try {
    fd = directory.createFile(name, mode);
  } catch (error) {
    if (!run.names.makeWay(name, entry, error)) return false;
    fd = directory.createFile(name, mode);
  }
  try {
    const inode = new OpenInode(fd);
    metadata.giveFlagsBeforeContent(inode, entry);
    writeContent(fd, entry, content, options.zerosToHoles);
    if (isPlain && newFiles.hasMode(inode, mode)) metadata.giveTime(inode, entry);
    else metadata.give(inode, entry, newFiles.ask(inode));
    metadata.giveFlagsAfterwards(inode, entry);
  } catch (error) {
    removeUnfinished(directory, name);
    throw error;
  } finally {
    closeFile(fd);
  }
  return true;
}

/**
 * Under another name until it is whole, so that even a process that is killed leaves nothing half-written
 * under its final name; for files this large the rename costs nothing. Only then does it replace what had the
 * name.
 */
async function restoreInPieces(
  run: Restoration,
  name: string,
  entry: FileEntry,
  content: ContentInPieces,
): Promise<boolean> {
  const { directory, newFiles } = run.directories.current;
  const present = run.names.typeOf(name);
  if (present !== undefined && !run.names.mayReplace(name, entry)) return false;
  if (present === 'directory') run.names.remove(name, entry, present);
  const partial = hiddenName('partial');
  const fd = directory.createFile(partial, PRIVATE);
  try {
    const inode = new OpenInode(fd);
    run.metadata.giveFlagsBeforeContent(inode, entry);
    const writer = new ContentWriter(fd, entry, run.options.zerosToHoles);
    for await (const piece of new ClaimedSource(piecesOf(content), run.options.signal)) {
      if (isFileRange(piece)) writer.copy(piece);
      else writer.write(piece);
      await run.turns.turn();
    }
    writer.finish();
    run.metadata.give(inode, entry, newFiles.ask(inode));
    directory.rename(partial, directory, name);
    run.metadata.giveFlagsAfterwards(inode, entry);
  } catch (error) {
    removeUnfinished(directory, partial);
    throw error;
  } finally {
    closeFile(fd);
  }
  return true;
}

/** After a failure, which is what counts. */
function removeUnfinished(directory: OpenDirectory, name: string): void {
  try {
    directory.remove(name);
  } catch {}
}
