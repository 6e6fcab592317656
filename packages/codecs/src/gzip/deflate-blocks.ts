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

/**
 * node:zlib begins to decompress at the first bit of a byte; a deflate block may begin at any. So blocks
 * without content are put before it, whose bits fill the first byte up to there (RFC 1951, 3.2; bits are
 * written here in the order in which they are read).
 */

/** Not the last; fixed codes; end of block: 10 bits. */
const EMPTY_FIXED_BLOCK = ['0', '10', '0000000'].join('');

/**
 * Not the last; dynamic codes: 91 bits, an odd number. 257 literal and 2 distance codes; 18 code lengths for
 * code lengths, all zero but those of 18 (a run of zeros) and of 1, which get a bit each: 1 and 0. Then 138
 * and 118 zeros, and ones for the end of the block and both distances. Then the end of the block.
 */
const EMPTY_DYNAMIC_BLOCK = [
  ...['0', '01', '00000', '10000', '0111'],
  ...['000', '000', '100', '000'.repeat(14), '100'],
  ...['1', '1111111', '1', '1101011', '0', '0', '0'],
  '0',
].join('');

/** Bits, a whole number of bytes and `phase` more, that decompress to nothing. */
export function emptyBlocks(phase: number): string {
  const start = phase % 2 === 0 ? '' : EMPTY_DYNAMIC_BLOCK;
  for (let bits = start; ; bits += EMPTY_FIXED_BLOCK) if (bits.length % 8 === phase) return bits;
}

/**
 * Deflate data that begins with a byte's last `bitsLeft` bits, 1 to 7, as data that begins with a whole byte.
 */
export function fromBit(data: Uint8Array, bitsLeft: number): Uint8Array {
  const bits = emptyBlocks(8 - bitsLeft);
  const prefix = Uint8Array.from(bits.match(/.{1,8}/g)!, (byte) =>
    Number.parseInt([...byte].reverse().join(''), 2),
  );
  const whole = new Uint8Array(prefix.length - 1 + data.length);
  whole.set(data, prefix.length - 1);
  whole.set(prefix.subarray(0, -1));
  const mask = 0xff << (8 - bitsLeft);
  whole[prefix.length - 1] = (data[0]! & mask) | prefix.at(-1)!;
  return whole;
}
