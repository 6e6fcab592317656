import {
  asBuffer,
  BLOCK_SIZE,
  EXTENT_HEADER_SIZE,
  EXTENT_OFFSET,
  HEADER_TABLE_SIZE,
  OFFSET,
  startsAsExtent,
} from '../format.js';
import { isVma } from '../header.js';

/** A header, and where it stands in the archive. */
export interface LocatedHeader {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Picks the extents' headers out of an archive that passes by: what `openVma` reads of all of it. Whoever
 * keeps them can open it again without going through it. Where the archive is damaged, it ends, and `openVma`
 * tells why.
 *
 * @returns what takes all chunks in order, and gives the headers that end in each
 * @example
 * const headersIn = collectExtentHeaders();
 * for await (const chunk of chunks) kept.push(...headersIn(chunk));
 */
export function collectExtentHeaders(): (chunk: Uint8Array) => LocatedHeader[] {
  let passed = 0;
  let at = 0; // where the part under way begins, which is the archive's own header at first
  let part = Buffer.alloc(HEADER_TABLE_SIZE);
  let filled = 0;
  let ended = false;

  return (chunk) => {
    const found: LocatedHeader[] = [];
    const end = passed + chunk.length;
    while (!ended && at + filled < end) {
      const from = at + filled - passed;
      const piece = chunk.subarray(from, from + part.length - filled);
      part.set(piece, filled);
      filled += piece.length;
      if (filled < part.length) break;
      const next = at === 0 ? firstExtent(part) : extentBehind(part, at);
      ended = next === undefined;
      if (at > 0 && !ended) found.push({ offset: at, bytes: part });
      at = next ?? at;
      part = Buffer.alloc(EXTENT_HEADER_SIZE);
      filled = 0;
    }
    passed = end;
    return found;
  };
}

function firstExtent(header: Uint8Array): number | undefined {
  if (!isVma(header)) return undefined;
  const size = asBuffer(header).readUInt32BE(OFFSET.headerSize);
  return size < HEADER_TABLE_SIZE ? undefined : size;
}

function extentBehind(header: Uint8Array, offset: number): number | undefined {
  if (!startsAsExtent(header)) return undefined;
  const blocks = asBuffer(header).readUInt16BE(EXTENT_OFFSET.blockCount);
  return offset + EXTENT_HEADER_SIZE + blocks * BLOCK_SIZE;
}
