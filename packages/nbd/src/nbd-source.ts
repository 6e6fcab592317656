import type { ByteRange, ByteSource } from '@vzdump-format/streams';
import type { NbdClient } from './client.js';

/** How much is asked about at a time, in bytes: it bounds how long an answer takes, and its extents. */
const STATUS_LENGTH = 1024 * 1024 * 1024;

/** What a server said about a range: the data in it, all else being zeros. */
interface KnownRange extends ByteRange {
  /** In order, disjoint, no two adjacent. */
  readonly data: readonly ByteRange[];
}

/** An NBD export as a ByteSource that knows its zero areas, so that they need not be transferred. */
export class NbdSource implements ByteSource {
  /** The last answer; a caller that walks through the export needs it again at once. */
  private known: KnownRange = { start: 0, end: 0, data: [] };

  /** @param client is closed with the source. */
  constructor(private readonly client: NbdClient) {}

  get size(): number {
    return this.client.size;
  }

  /** @throws as `NbdClient.read`. */
  async read(buffer: Uint8Array, offset: number): Promise<number> {
    return this.client.read(buffer, offset);
  }

  /**
   * @returns `start` is `offset` where that lies in data. A long area of data may be told in several adjacent
   * ranges. @throws as `NbdClient.blockStatus`.
   */
  async nextData(offset: number): Promise<ByteRange | undefined> {
    for (let position = offset; position < this.size; ) {
      const known = await this.ask(position);
      const run = firstEndingAfter(known.data, position);
      if (run !== undefined) return { start: Math.max(run.start, position), end: run.end };
      position = known.end;
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async ask(position: number): Promise<KnownRange> {
    if (position < this.known.start || position >= this.known.end) {
      this.known = await this.fetch(position);
    }
    return this.known;
  }

  private async fetch(start: number): Promise<KnownRange> {
    const data: ByteRange[] = [];
    let end = start;
    for (const extent of await this.client.blockStatus(start, STATUS_LENGTH)) {
      end = extent.offset + extent.length;
      if (extent.zero) continue;
      const adjacent = data.at(-1)?.end === extent.offset ? data.pop() : undefined;
      data.push({ start: adjacent?.start ?? extent.offset, end });
    }
    return { start, end, data };
  }
}

/** By bisection: a fragmented image has thousands of ranges to a gigabyte. */
function firstEndingAfter(ranges: readonly ByteRange[], position: number): ByteRange | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.end > position) high = middle;
    else low = middle + 1;
  }
  return ranges[low];
}
