import { createHash } from 'node:crypto';
import type { ByteRange, ByteSource } from '@vzdump-format/streams';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How the content of a golden archive's drive was made: segments laid over zeros. */
export interface ContentRecipe {
  /** In bytes. */
  readonly source_bytes: number;
  readonly segments: readonly ContentSegment[];
}

type ContentSegment =
  | { readonly offset: number; readonly length: number; readonly gen: 'sha256ctr'; readonly seed: string }
  | { readonly offset: number; readonly length: number; readonly gen: 'byte'; readonly value: number };

function segmentBytes(segment: ContentSegment): Buffer {
  if (segment.gen === 'byte') return Buffer.alloc(segment.length, segment.value);
  const parts: Buffer[] = [];
  for (let index = 0; index * 32 < segment.length; index++) {
    parts.push(createHash('sha256').update(`${segment.seed}:${index}`).digest());
  }
  return Buffer.concat(parts).subarray(0, segment.length);
}

/** A drive's content as a ByteSource, made from its recipe; tells its holes unless `dense`. */
export class RecipeSource implements ByteSource {
  readonly size: number;
  /** Bytes that were asked for so far. */
  bytesRead = 0;
  nextData?: (offset: number) => Promise<ByteRange | undefined>;
  private readonly segments: readonly { readonly start: number; readonly bytes: Buffer }[];

  constructor(recipe: ContentRecipe, options: { dense?: boolean } = {}) {
    this.size = recipe.source_bytes;
    this.segments = recipe.segments.map((segment) => ({ start: segment.offset, bytes: segmentBytes(segment) }));
    if (!options.dense) this.nextData = (offset) => this.findData(offset);
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    buffer.fill(0, 0, length);
    this.bytesRead += length;
    for (const { start, bytes } of this.segments) {
      const from = Math.max(start, offset);
      const to = Math.min(start + bytes.length, offset + length);
      if (from < to) buffer.set(bytes.subarray(from - start, to - start), from - offset);
    }
    return length;
  }

  async close(): Promise<void> {}

  private async findData(offset: number): Promise<ByteRange | undefined> {
    const following = this.segments
      .map(({ start, bytes }) => ({ start: Math.max(start, offset), end: start + bytes.length }))
      .filter(({ start, end }) => start < end)
      .sort((a, b) => a.start - b.start);
    return following[0];
  }
}

const KIB = 1024;

/**
 * Files of sizes on both sides of where content is read at once, gathered, and passed on. Some end in a hole.
 */
export function makeFilesOfManySizes(directory: string): void {
  const sizes = [1, 32, 63, 64, 65, 100, 1024, 1025, 2500, 64, 5000, 64, 64, 1];
  for (const [index, size] of sizes.entries()) {
    const content = Buffer.alloc(size * KIB, String.fromCharCode(65 + index));
    const path = join(directory, `${String(index).padStart(2, '0')}-${size}`);
    writeFileSync(path, content);
    if (size === 64 || size === 2500) truncateSync(path, 2 * content.length); // a hole
  }
}
