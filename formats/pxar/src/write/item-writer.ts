import { ITEM_HEADER_SIZE, type ItemType, writeU64 } from '../format.js';
import { encodeText } from '../names.js';

/** What has been gathered is passed on when it is this much: each time takes some 0.2 ms. */
const GATHERED = 1024 * 1024;
const CAPACITY = GATHERED + 512 * 1024;

/** Contents of fewer bytes are gathered, too; of larger ones each piece is passed on. */
export const GATHER_BELOW = 32 * 1024;

/** Gathers the bytes of a stream, so that small items do not become a chunk each. */
export class ItemWriter {
  bytes = Buffer.allocUnsafeSlow(CAPACITY);
  view = new DataView(this.bytes.buffer);
  /** Bytes in the buffer. */
  length = 0;
  /** Bytes that were passed on. */
  private passedOn = 0;
  /** What was taken last: it is filled again when the next is taken. */
  private spare: Buffer<ArrayBuffer> | undefined;

  /** Where the next byte will stand in the stream. */
  get offset(): number {
    return this.passedOn + this.length;
  }

  get isFull(): boolean {
    return this.length >= GATHERED;
  }

  /** What was gathered, which is gone then; valid until the next is taken. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.passedOn += this.length;
    this.length = 0;
    const used = this.bytes.length > CAPACITY ? undefined : this.bytes; // lets go of a large one
    this.setBuffer(this.spare ?? Buffer.allocUnsafeSlow(CAPACITY));
    this.spare = used;
    return taken;
  }

  /** Bytes went into the stream, in place of being gathered: nothing may be gathered at that time. */
  passed(length: number): void {
    this.passedOn += length;
  }

  /** Makes room for `length` bytes more. */
  reserve(length: number): void {
    const needed = this.length + length;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.length));
    this.setBuffer(larger);
  }

  /** @param size of the content, which follows */
  header(type: ItemType, size: number): void {
    this.reserve(ITEM_HEADER_SIZE);
    this.headerAt(this.length, type, size);
    this.length += ITEM_HEADER_SIZE;
  }

  u64(value: number): void {
    this.reserve(8);
    writeU64(this.view, this.length, value);
    this.length += 8;
  }

  put(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  nul(): void {
    this.reserve(1);
    this.bytes[this.length++] = 0;
  }

  /** Leaves room for what is written later. Returns where it is in the buffer. */
  room(length: number): number {
    this.reserve(length);
    this.length += length;
    return this.length - length;
  }

  /** A path as bytes (see `pathToBytes`). */
  text(text: string): void {
    this.reserve(3 * text.length);
    this.length += encodeText(this.bytes, this.length, text);
  }

  /** Writes the header of an item whose content was gathered since `start`, where room was left for it. */
  headerAt(start: number, type: ItemType, size: number): void {
    this.view.setInt32(start, type.low, true);
    this.view.setInt32(start + 4, type.high, true);
    writeU64(this.view, start + 8, ITEM_HEADER_SIZE + size);
  }

  private setBuffer(bytes: Buffer<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
