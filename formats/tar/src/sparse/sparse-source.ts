import type { Extent } from '@vzdump-format/file-tree';
import { type ByteRange, type ByteSource, readFully } from '@vzdump-format/streams';

/** A sparse file as it was, from the data of its extents, one behind the other. */
export class SparseSource implements ByteSource {
  /** Where in the stored data each extent begins. */
  private readonly starts: Float64Array;

  constructor(
    private readonly stored: ByteSource,
    private readonly extents: readonly Extent[],
    readonly size: number,
  ) {
    this.starts = new Float64Array(extents.length);
    for (let index = 1; index < extents.length; index++) {
      this.starts[index] = this.starts[index - 1]! + extents[index - 1]!.length;
    }
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    const end = offset + length;
    let at = offset;
    for (let index = this.extentAfter(offset); at < end; index++) {
      const extent = this.extents[index] ?? { offset: end, length: 0 };
      const dataStart = Math.max(at, Math.min(extent.offset, end));
      buffer.fill(0, at - offset, dataStart - offset);
      const dataEnd = Math.max(dataStart, Math.min(extent.offset + extent.length, end));
      const part = buffer.subarray(dataStart - offset, dataEnd - offset);
      if (part.length > 0)
        await readFully(this.stored, part, this.starts[index]! + dataStart - extent.offset);
      at = dataEnd;
    }
    return length;
  }

  async nextData(offset: number): Promise<ByteRange | undefined> {
    const extent = this.extents[this.extentAfter(offset)];
    if (extent === undefined) return undefined;
    return { start: Math.max(offset, extent.offset), end: extent.offset + extent.length };
  }

  async close(): Promise<void> {}

  /** The first extent that ends behind `offset`. */
  private extentAfter(offset: number): number {
    let low = 0;
    let high = this.extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { offset: start, length } = this.extents[middle]!;
      if (start + length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
