import { ftruncateSync } from 'node:fs';
import { printableName, writeBytes } from '@vzdump-format/posix';
import { ArchiveError, allZero, type FileRange } from '@vzdump-format/streams';
import type { Extent, FileEntry } from '../entry/entry.js';

/**
 * The unit in which zeros become holes. Every file system's blocks are this large, or it makes no difference.
 */
const BLOCK_SIZE = 4096;

/** Writes all of a file's bytes. @throws as `ContentWriter` */
export function writeContent(fd: number, entry: FileEntry, content: Uint8Array, zerosToHoles: boolean): void {
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

  /** Has the next bytes copied, unless they have to be looked at. What is left comes to be written. */
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

  /** All but the blocks that are zeros from one end to the other. */
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
