import {
  type ZStream as PakoStream,
  Z_BLOCK,
  Z_DATA_ERROR,
  Z_STREAM_END,
  ZStream,
  zlibInflate,
  zlibInflateInit2,
} from 'pako';
import { WINDOW_SIZE } from './format.js';

const RAW_DEFLATE = -15;
/** Bits of `data_type` after a call with Z_BLOCK (zlib.h): between blocks, the last block, bits left. */
const BETWEEN_BLOCKS = 128;
const IN_LAST_BLOCK = 64;
export const BITS_LEFT = 7;

/**
 * Decompresses raw deflate data to find where its blocks begin. pako can do that, as it stops between blocks
 * when asked to; node:zlib cannot.
 */
export class BlockFinder {
  private readonly stream: PakoStream = new ZStream();
  /** The content of the last 32 KiB goes round in it. */
  private readonly window = new Uint8Array(WINDOW_SIZE);
  private full = false;
  ended = false;

  constructor() {
    zlibInflateInit2(this.stream, RAW_DEFLATE);
    this.stream.output = this.window;
    this.stream.avail_out = WINDOW_SIZE;
  }

  /** Sets the bytes to go on with. */
  set input(bytes: Uint8Array) {
    this.stream.input = bytes;
    this.stream.next_in = 0;
    this.stream.avail_in = bytes.length;
  }

  get inputLeft(): number {
    return this.stream.avail_in;
  }

  /** Whether the next block begins here, and is not the end. */
  get atBlock(): boolean {
    return (this.stream.data_type & (BETWEEN_BLOCKS | IN_LAST_BLOCK)) === BETWEEN_BLOCKS;
  }

  /** How many bits of the last byte taken in belong to the next block. */
  get bitsLeft(): number {
    return this.stream.data_type & BITS_LEFT;
  }

  /** The content that came last, up to 32 KiB. */
  get lookback(): Uint8Array {
    const at = this.stream.next_out;
    if (!this.full) return this.window.slice(0, at);
    return Buffer.concat([this.window.subarray(at), this.window.subarray(0, at)]);
  }

  /**
   * Goes on to the next block, the end of the input, or the end of the window. @returns the content, valid
   * until the next call.
   */
  step(): Uint8Array {
    const { stream } = this;
    if (stream.avail_out === 0) {
      stream.next_out = 0;
      stream.avail_out = WINDOW_SIZE;
    }
    const start = stream.next_out;
    const status = zlibInflate(stream, Z_BLOCK);
    this.ended = status === Z_STREAM_END;
    if (status === Z_DATA_ERROR) throw new Error(stream.msg);
    this.full ||= stream.avail_out === 0;
    return this.window.subarray(start, stream.next_out);
  }
}
