import { ArchiveError } from '@vzdump-format/streams';
import { ITEM, ITEM_HEADER_SIZE, type ItemType, itemTypeAt, readU64 } from './format.js';
import type { ForwardReader } from './forward-reader.js';

/**
 * Goes through the items of an archive, one at a time. The content of an item stands in the window of `input` as a whole,
 * from `contentAt` on, until the next item is asked for; but for a PAYLOAD or GOODBYE, which can be of any size: theirs is left for
 * the caller to read or skip.
 */
export class ItemReader {
  type: ItemType = ITEM.ENTRY;
  /** Where the item begins in the archive. */
  start = 0;
  /** Bytes of content. */
  size = 0;
  contentAt = 0;
  private again = false;

  constructor(readonly input: ForwardReader) {}

  /** Moves on to the next item if it is in the window already. Says whether it is. @throws as `next` */
  nextAtHand(): boolean {
    if (this.again) {
      this.again = false;
      return true;
    }
    const { input } = this;
    if (!input.has(ITEM_HEADER_SIZE)) return false;
    const { view, position } = input;
    const type = itemTypeAt(view, position);
    const fullSize = readU64(view, position + 8);
    const size = fullSize - ITEM_HEADER_SIZE;
    if (type === undefined || size < type.least || size > type.most) throw this.fault(type, fullSize);
    const length = ITEM_HEADER_SIZE + (isOfAnySize(type) ? 0 : size);
    if (!input.has(length)) return false;
    this.type = type;
    this.size = size;
    this.start = input.offset;
    this.contentAt = position + ITEM_HEADER_SIZE;
    input.position += length;
    return true;
  }

  /** Moves on to the next item. @throws `PXAR_UNKNOWN_ITEM`, `PXAR_ITEM_SIZE`, `PXAR_TRUNCATED` */
  async next(): Promise<void> {
    while (!this.nextAtHand()) {
      const { input } = this;
      if (input.has(ITEM_HEADER_SIZE)) await input.need(readU64(input.view, input.position + 8));
      else await input.need(ITEM_HEADER_SIZE);
    }
  }

  /** The next call of `next` stays at this item, whose content has not been read. */
  stay(): void {
    this.again = true;
  }

  /** Where what was read so far ends in the archive. */
  get end(): number {
    return this.again ? this.start : this.input.offset;
  }

  private fault(type: ItemType | undefined, fullSize: number): ArchiveError {
    const offset = this.input.offset;
    if (type === undefined) {
      return new ArchiveError('PXAR_UNKNOWN_ITEM', 'what stands here is no item of this format', { offset });
    }
    const size = Number.isFinite(fullSize) ? `${fullSize} bytes` : 'more than 2^53 bytes';
    return new ArchiveError('PXAR_ITEM_SIZE', `a ${type.name} cannot have ${size}`, { offset });
  }
}

function isOfAnySize(type: ItemType): boolean {
  return type === ITEM.PAYLOAD || type === ITEM.GOODBYE;
}
