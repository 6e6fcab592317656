import type { KeptRange } from '../codec.js';
import { indexDamaged } from './segments.js';

/** Undefined where Node was built without it: then nothing is kept, and nothing found. It is slow to load. */
const loadZlib = () => process.getBuiltinModule('node:zlib') as typeof import('node:zlib') | undefined;

/**
 * A group of ranges of the content that an index keeps, deflated; for each range: u48 offset in the content,
 * u32 length, its bytes. The groups and their ranges are in order.
 */
const RANGE_HEADER_SIZE = 10;
const GROUP_CONTENT = 64 * 1024;
const MAX_GROUP_CONTENT = 3 * GROUP_CONTENT;
/** As it is stored. */
export const MAX_GROUP_SIZE = 2 * MAX_GROUP_CONTENT;

/** Where in an index something stands. */
export interface IndexPart {
  readonly place: number;
  readonly length: number;
  readonly crc: number;
}

export interface KeptGroup extends IndexPart {
  /** In the content, where its first range begins. */
  readonly start: number;
}

/** A group as it is to be written. */
interface WrittenGroup {
  readonly start: number;
  readonly bytes: Buffer;
}

/** Puts ranges together into groups. */
export class KeptWriter {
  private ranges: Buffer[] = [];
  private size = 0;
  private start = 0;
  private readonly groups: WrittenGroup[] = [];

  /** @throws RangeError for a range that no group holds */
  add(ranges: readonly KeptRange[]): void {
    if (ranges.length === 0 || loadZlib() === undefined) return;
    for (const { offset, bytes } of ranges) {
      if (bytes.length > GROUP_CONTENT) throw new RangeError(`a range of ${bytes.length} bytes is too long`);
      if (this.size === 0) this.start = offset;
      const header = Buffer.alloc(RANGE_HEADER_SIZE);
      header.writeUIntLE(offset, 0, 6);
      header.writeUInt32LE(bytes.length, 6);
      this.ranges.push(header, Buffer.from(bytes));
      this.size += RANGE_HEADER_SIZE + bytes.length;
      if (this.size >= GROUP_CONTENT) this.endGroup();
    }
  }

  /** The groups that are full, and were not taken before. */
  take(): WrittenGroup[] {
    return this.groups.splice(0);
  }

  /** All that is left. */
  takeLast(): WrittenGroup[] {
    if (this.size > 0) this.endGroup();
    return this.take();
  }

  private endGroup(): void {
    this.groups.push({ start: this.start, bytes: loadZlib()!.deflateRawSync(Buffer.concat(this.ranges)) });
    this.ranges = [];
    this.size = 0;
  }
}

/** The ranges that an index keeps. The group that was looked into last is in memory. */
export class KeptRanges {
  private last: { readonly group: number; readonly ranges: Promise<readonly KeptRange[]> } | undefined;

  readonly isEmpty: boolean;

  /** @param read gives the bytes of a group */
  constructor(
    private readonly groups: readonly KeptGroup[],
    private readonly read: (part: IndexPart) => Promise<Uint8Array>,
  ) {
    this.isEmpty = groups.length === 0;
    if (groups.some(({ start }, index) => index > 0 && start <= groups[index - 1]!.start)) {
      throw indexDamaged('its groups are out of order');
    }
  }

  /**
   * Bytes of the content that begin at `offset`, if a range has them: `length` of them, or fewer where it
   * is shorter.
   * @throws `INDEX_DAMAGED`
   */
  async at(offset: number, length: number): Promise<Uint8Array | undefined> {
    const group = lastUpTo(this.groups, offset, ({ start }) => start);
    if (group < 0 || loadZlib() === undefined) return undefined;
    const ranges = await this.rangesOf(group);
    const range = ranges[lastUpTo(ranges, offset, ({ offset }) => offset)];
    if (range === undefined) return undefined;
    const from = offset - range.offset;
    return from < range.bytes.length ? range.bytes.subarray(from, from + length) : undefined;
  }

  private rangesOf(group: number): Promise<readonly KeptRange[]> {
    if (this.last?.group !== group) this.last = { group, ranges: this.readGroup(this.groups[group]!) };
    return this.last.ranges;
  }

  private async readGroup(group: KeptGroup): Promise<readonly KeptRange[]> {
    const deflated = await this.read(group);
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      loadZlib()!.inflateRaw(deflated, { maxOutputLength: MAX_GROUP_CONTENT }, (error, inflated) => {
        if (error === null) resolve(inflated);
        else reject(indexDamaged('a group is not as it was written'));
      });
    });
    const ranges: KeptRange[] = [];
    for (let at = 0; at < bytes.length; ) {
      const start = at + RANGE_HEADER_SIZE;
      if (start > bytes.length) throw indexDamaged('a group ends too early');
      const offset = bytes.readUIntLE(at, 6);
      at = start + bytes.readUInt32LE(at + 6);
      if (at > bytes.length) throw indexDamaged('a group ends too early');
      ranges.push({ offset, bytes: bytes.subarray(start, at) });
    }
    return ranges;
  }
}

/** The last of sorted items whose number is not above `most`; -1 when there is none. */
function lastUpTo<T>(items: readonly T[], most: number, numberOf: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numberOf(items[middle]!) <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
