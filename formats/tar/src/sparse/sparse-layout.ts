import type { Extent, FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, zeroChunks } from '@vzdump-format/streams';
import { MAX_EXTENTS, wholeBlocks } from '../format.js';

/** How a sparse file is stored in the form of pax 1.0, see `sparse.ts`. */
export interface SparseLayout {
  /** The map, in whole blocks. */
  readonly map: Buffer;
  /** Bytes of data behind the map. */
  readonly dataSize: number;
  /**
   * For each extent of the entry, zeros that are stored behind it: what it takes to make stretches whole
   * blocks.
   */
  readonly zeros: readonly number[];
}

/**
 * The layout of a file with holes; undefined for one without.
 * @throws `TAR_SPARSE_MAP` for extents that are not in order, overlap or go past the end
 */
export function sparseLayoutOf(entry: FileEntry): SparseLayout | undefined {
  const { type, extents, size } = entry;
  if (type !== 'file' || extents === undefined || size === 0) return undefined;
  requireInOrder(entry, extents);
  if (extents.length === 1 && extents[0]!.length === size) return undefined;
  const { stretches, zeros } = wholeStretches(extents);
  const dataSize = stretches.reduce((sum, { length }) => sum + length, 0);
  return { map: encodeMap(stretches, size), dataSize, zeros };
}

function requireInOrder(entry: FileEntry, extents: readonly Extent[]): void {
  let end = 0;
  for (const { offset, length } of extents) {
    const isSound =
      Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= end && length > 0;
    if (!isSound || offset + length > entry.size) {
      throw extentsError(entry, 'are not in order, or not inside of it');
    }
    end = offset + length;
  }
  if (extents.length >= MAX_EXTENTS) throw extentsError(entry, `are more than ${MAX_EXTENTS}`);
}

function extentsError({ path }: FileEntry, what: string): ArchiveError {
  return new ArchiveError('TAR_SPARSE_MAP', `the extents of ${printableName(path)} ${what}`, { entry: path });
}

/**
 * Extents as stretches of whole blocks, but for the last: zeros fill up, and fill the gap to one that is
 * nearer than a block.
 */
function wholeStretches(extents: readonly Extent[]): { stretches: Extent[]; zeros: number[] } {
  const stretches: { readonly offset: number; length: number }[] = [];
  const zeros: number[] = [];
  for (const [index, { offset, length }] of extents.entries()) {
    const last = stretches.at(-1);
    const continues = last !== undefined && last.offset + last.length === offset;
    const stretch = continues ? last : { offset, length: 0 };
    if (!continues) stretches.push(stretch);
    stretch.length += length;
    const hole = (extents[index + 1]?.offset ?? offset + length) - offset - length;
    const fill = Math.min(hole, wholeBlocks(stretch.length) - stretch.length);
    stretch.length += fill;
    zeros.push(fill);
  }
  return { stretches, zeros };
}

/** With the stretch of no bytes at the end, which tells GNU tar to make the file as long as it is. */
function encodeMap(stretches: readonly Extent[], size: number): Buffer {
  const lines = [stretches.length + 1];
  for (const { offset, length } of stretches) lines.push(offset, length);
  lines.push(size, 0);
  const text = `${lines.join('\n')}\n`;
  const map = Buffer.alloc(wholeBlocks(text.length));
  map.write(text, 'latin1');
  return map;
}

/** The content of the extents with the zeros of a layout between. */
export async function* withZeros(
  content: AsyncIterable<Uint8Array>,
  extents: readonly Extent[],
  { zeros }: SparseLayout,
): AsyncGenerator<Uint8Array> {
  let index = 0;
  let left = extents[0]?.length ?? 0;
  for await (const chunk of content) {
    let at = 0;
    while (at < chunk.length) {
      if (index === extents.length) {
        yield chunk.subarray(at); // more than there should be: whoever counts the bytes will tell
        break;
      }
      const part = chunk.subarray(at, at + left);
      yield part;
      at += part.length;
      left -= part.length;
      if (left > 0) continue;
      yield* zeroChunks(zeros[index]!);
      index++;
      left = extents[index]?.length ?? 0;
    }
  }
}
