import { ftruncateSync } from 'node:fs';
import { closeFile, type OpenDirectory, printableName, writeBytes } from '@vzdump-format/posix';
import {
  ArchiveError,
  allZero,
  ClaimedSource,
  type FileRange,
  hiddenName,
  type Items,
  isFileRange,
  piecesOf,
} from '@vzdump-format/streams';
import type { Extent, FileEntry } from '../entry/entry.js';
import { OpenInode } from './restore-inode.js';
import type { Restoration } from './restore-run.js';

/**
 * The mode of a file until its content is there and its metadata are set. One that can have its final mode
 * from the start gets that.
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

/** The file has its name from the start: nothing but the end of the process can come before its content. */
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
 * The file has another name until it is whole, so that even a process that is killed leaves nothing
 * half-written under its final name; for files this large the rename costs nothing. Only then does it
 * replace what had the name.
 */
async function restoreInPieces(
  run: Restoration,
  name: string,
  entry: FileEntry,
  content: Items<Uint8Array>,
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

/**
 * The unit in which zeros become holes. Every file system's blocks are this large, or it makes no difference.
 */
const BLOCK_SIZE = 4096;

/** Writes all of a file's bytes. @throws as `ContentWriter` */
function writeContent(fd: number, entry: FileEntry, content: Uint8Array, zerosToHoles: boolean): void {
  if (entry.extents === undefined && content.length === entry.size && !(zerosToHoles && hasZeros(content))) {
    writeBytes(fd, content);
    return;
  }
  const writer = new ContentWriter(fd, entry, zerosToHoles);
  writer.write(content);
  writer.finish();
}

/** Writes a file's bytes, as they come, to where they belong. */
export class ContentWriter {
  private readonly extents: readonly Extent[];
  private readonly expected: number;
  private index = 0;
  /** Bytes of the current extent, and of all, that were written. */
  private within = 0;
  private taken = 0;
  /** Where the last byte that was written ends. */
  private end = 0;

  /**
   * @param fd of an empty file
   * @throws `TREE_EXTENTS` for extents that are out of order, overlap, or leave the file; `TREE_SIZE`
   */
  constructor(
    private readonly fd: number,
    private readonly entry: FileEntry,
    private readonly zerosToHoles: boolean,
  ) {
    requireSize(entry);
    this.extents = entry.extents ?? [{ offset: 0, length: entry.size }];
    this.expected = this.extents.reduce((sum, { length }) => sum + length, 0);
  }

  /** @throws `TREE_CONTENT` when there is more than the entry said; the system's error */
  write(bytes: Uint8Array): void {
    this.taken += bytes.length;
    if (this.taken > this.expected) throw wrongContent(this.entry, this.expected, 'more');
    for (let rest = bytes; rest.length > 0; ) {
      const extent = this.extents[this.index]!;
      const part = rest.subarray(0, extent.length - this.within);
      const position = extent.offset + this.within;
      if (this.zerosToHoles) this.writeData(part, position);
      else this.writeAt(part, position);
      this.advance(part.length);
      rest = rest.subarray(part.length);
    }
  }

  /**
   * Has the kernel copy the next bytes, unless zeros are to be found among them. The rest is offered again.
   */
  copy(range: FileRange): void {
    if (this.zerosToHoles || range.length > this.expected - this.taken) return;
    while (range.copied < range.length) {
      const extent = this.extents[this.index]!;
      const position = extent.offset + this.within;
      const wanted = Math.min(extent.length - this.within, range.length - range.copied);
      const copied = range.copyTo(this.fd, position, wanted);
      this.taken += copied;
      this.advance(copied);
      if (copied > 0) this.end = position + copied;
      if (copied < wanted) return;
    }
  }

  /** Makes the file as long as it is. @throws `TREE_CONTENT` when bytes are missing; the system's error */
  finish(): void {
    if (this.taken < this.expected) throw wrongContent(this.entry, this.expected, 'less');
    if (this.end < this.entry.size) ftruncateSync(this.fd, this.entry.size);
  }

  private advance(length: number): void {
    this.within += length;
    if (this.within < this.extents[this.index]!.length) return;
    this.index++;
    this.within = 0;
  }

  /** Writes all but the blocks that hold nothing but zeros. */
  private writeData(bytes: Uint8Array, position: number): void {
    let start = 0;
    for (let at = 0; at < bytes.length; ) {
      const next = Math.min(bytes.length, at + BLOCK_SIZE - ((position + at) % BLOCK_SIZE));
      if (next - at === BLOCK_SIZE && allZero(bytes.subarray(at, next))) {
        if (start < at) this.writeAt(bytes.subarray(start, at), position + start);
        start = next;
      }
      at = next;
    }
    if (start < bytes.length) this.writeAt(bytes.subarray(start), position + start);
  }

  private writeAt(bytes: Uint8Array, position: number): void {
    writeBytes(this.fd, bytes, position);
    this.end = position + bytes.length;
  }
}

/** Whether there is a block of zeros in the content. */
function hasZeros(content: Uint8Array): boolean {
  for (let at = 0; at + BLOCK_SIZE <= content.length; at += BLOCK_SIZE) {
    if (content[at] === 0 && allZero(content.subarray(at, at + BLOCK_SIZE))) return true;
  }
  return false;
}

function requireSize({ path, size, extents }: FileEntry): void {
  if (!isLength(size)) {
    throw new ArchiveError('TREE_SIZE', `${printableName(path)} has an impossible size`, { entry: path });
  }
  let end = 0;
  for (const { offset, length } of extents ?? []) {
    if (!isLength(offset) || !isLength(length) || offset < end || offset + length > size) {
      throw new ArchiveError('TREE_EXTENTS', `${printableName(path)} has a map of its holes that is wrong`, {
        entry: path,
      });
    }
    end = offset + length;
  }
}

function isLength(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

function wrongContent({ path }: FileEntry, expected: number, than: 'more' | 'less'): ArchiveError {
  const name = printableName(path);
  return new ArchiveError('TREE_CONTENT', `${name} comes with ${than} than its ${expected} bytes`, {
    entry: path,
  });
}
