import { ArchiveError } from '@vzdump-format/streams';
import {
  ITEM,
  ITEM_HEADER_SIZE,
  type ItemType,
  itemTypeAt,
  MAX_METADATA_SIZE,
  MAX_NAME_SIZE,
  readU64,
} from '../format.js';
import type { ForwardReader } from './forward-reader.js';

/** What is brought into the window at least, when an entry goes past its end. */
const GATHERED = 512;
/** All items of an entry but the last. */
const MAX_ENTRY_SIZE = MAX_METADATA_SIZE + MAX_NAME_SIZE + 4 * ITEM_HEADER_SIZE;

/**
 * Goes through the items of an archive, one at a time. The content of an item stands in the window of `input`
 * as a whole, from `contentAt` on, until the window moves; but for a PAYLOAD or GOODBYE, which can be of any
 * size: theirs is left for the caller to read or skip.
 */
export class ItemReader {
  type: ItemType = ITEM.ENTRY;
  /** Where the item begins in the archive. */
  start = 0;
  /** Bytes of content. */
  size = 0;
  contentAt = 0;

  constructor(readonly input: ForwardReader) {}

  /** Moves on to the next item. @throws `PXAR_UNKNOWN_ITEM`, `PXAR_ITEM_SIZE`, `PXAR_TRUNCATED` */
  async next(): Promise<void> {
    const { input } = this;
    if (!input.has(ITEM_HEADER_SIZE)) await input.need(ITEM_HEADER_SIZE);
    const type = itemTypeAt(input.view, input.position);
    const size = readU64(input.view, input.position + 8) - ITEM_HEADER_SIZE;
    if (isPossible(type, size)) await input.need(ITEM_HEADER_SIZE + bytesAtHand(type, size));
    this.take();
  }

  /** Moves on to the next item, which is in the window. @throws `PXAR_UNKNOWN_ITEM`, `PXAR_ITEM_SIZE` */
  take(): void {
    const { input } = this;
    const { view, position } = input;
    const type = itemTypeAt(view, position);
    const fullSize = readU64(view, position + 8);
    const size = fullSize - ITEM_HEADER_SIZE;
    if (!isPossible(type, size)) throw impossibleItem(type, fullSize, input.offset);
    this.type = type;
    this.size = size;
    this.start = input.offset;
    this.contentAt = position + ITEM_HEADER_SIZE;
    input.position += ITEM_HEADER_SIZE + bytesAtHand(type, size);
  }

  /** Goes back to before the item that was taken last. */
  putBack(): void {
    this.input.position = this.contentAt - ITEM_HEADER_SIZE;
  }

  /**
   * Whether the window has all of the next entry but its content: from its FILENAME or ENTRY up to the item
   * behind its metadata. Of what is no entry, a header is enough. @throws `PXAR_LIMIT`
   */
  entryAtHand(): boolean {
    return this.bytesOfEntry() === undefined;
  }

  /** Sees to it that the window has it. @throws `PXAR_LIMIT`, `PXAR_TRUNCATED` */
  async gatherEntry(): Promise<void> {
    for (;;) {
      const needed = this.bytesOfEntry();
      if (needed === undefined) return;
      // twice as much each time: every one of thousands of small items would have all before it moved
      await this.input.gather(needed, Math.max(GATHERED, 2 * needed));
    }
  }

  /** How many bytes the window needs at least, if it has not all of the entry. */
  private bytesOfEntry(): number | undefined {
    const { input } = this;
    for (let scanned = 0; ; ) {
      if (!input.has(scanned + ITEM_HEADER_SIZE)) return scanned + ITEM_HEADER_SIZE;
      const at = input.position + scanned;
      const type = itemTypeAt(input.view, at);
      const size = readU64(input.view, at + 8) - ITEM_HEADER_SIZE;
      if (!isPossible(type, size)) return undefined; // it is refused in its turn
      scanned += ITEM_HEADER_SIZE + bytesAtHand(type, size);
      if (!input.has(scanned)) return scanned;
      const isNext = at > input.position ? type === ITEM.FILENAME : !beginsEntry(type);
      if (!type.goesOn || isNext) return undefined;
      if (scanned > MAX_ENTRY_SIZE) {
        const what = `an entry with more than ${MAX_METADATA_SIZE} bytes of attributes`;
        throw new ArchiveError('PXAR_LIMIT', what, { offset: input.offset });
      }
    }
  }
}

function beginsEntry(type: ItemType): boolean {
  return type === ITEM.FILENAME || type === ITEM.ENTRY || type === ITEM.ENTRY_V1;
}

function isPossible(type: ItemType | undefined, size: number): type is ItemType {
  return type !== undefined && size >= type.least && size <= type.most;
}

/** How much of an item's content must be in the window. */
function bytesAtHand(type: ItemType, size: number): number {
  return type === ITEM.PAYLOAD || type === ITEM.GOODBYE ? 0 : size;
}

function impossibleItem(type: ItemType | undefined, fullSize: number, offset: number): ArchiveError {
  if (type === undefined) {
    return new ArchiveError('PXAR_UNKNOWN_ITEM', 'what stands here is no item of this format', { offset });
  }
  const size = Number.isFinite(fullSize) ? `${fullSize} bytes` : 'more than 2^53 bytes';
  return new ArchiveError('PXAR_ITEM_SIZE', `a ${type.name} cannot have ${size}`, { offset });
}
