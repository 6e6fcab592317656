import bzip2 from 'unbzip2-stream/lib/bzip2.js';
import { isPrefixOfAny } from '../trailing.js';

/** The input ended within what was being read. */
class OutOfBits extends Error {}

/** Bits, most significant first, of bytes that come in chunks. */
class BitReader {
  private bytes = new Uint8Array(0);
  private position = 0;
  /** Of the byte at `position`. */
  private bitsUsed = 0;
  private dropped = 0;

  /** Bytes that are left, the one begun with them. */
  get available(): number {
    return this.bytes.length - this.position;
  }

  /** How many bytes were read, the one begun with them. */
  get offset(): number {
    return this.dropped + this.position + (this.bitsUsed > 0 ? 1 : 0);
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const rest = this.bytes.subarray(this.position);
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    this.dropped += this.position;
    this.bytes = joined;
    this.position = 0;
  }

  /** @param count up to 32; null goes on to the next byte. @throws OutOfBits */
  readonly read = (count: number | null): number => {
    if (count === null) {
      if (this.bitsUsed > 0) this.position++;
      this.bitsUsed = 0;
      return 0;
    }
    let value = 0;
    for (let left = count; left > 0; ) {
      if (this.position >= this.bytes.length) throw new OutOfBits();
      const here = Math.min(left, 8 - this.bitsUsed);
      const bits = (this.bytes[this.position]! >> (8 - this.bitsUsed - here)) & ((1 << here) - 1);
      value = (value << here) | bits;
      left -= here;
      this.bitsUsed += here;
      if (this.bitsUsed < 8) continue;
      this.bitsUsed = 0;
      this.position++;
    }
    return value;
  };

  /** What follows, without reading it. Stands at a byte boundary. */
  peek(length: number): Uint8Array {
    return this.bytes.subarray(this.position, this.position + length);
  }

  /** @returns what goes back to here, as long as nothing is added. */
  mark(): () => void {
    const { position, bitsUsed } = this;
    return () => {
      this.position = position;
      this.bitsUsed = bitsUsed;
    };
  }
}

export const MAGIC = Uint8Array.of(0x42, 0x5a, 0x68); // BZh
const HEADER_SIZE = 4;
const BLOCK_UNIT = 100_000;
/** A block is rarely larger compressed than it was. When it is, more input is waited for. */
const SLACK = 25_000;

export type Step =
  | { readonly kind: 'content'; readonly pieces: readonly Uint8Array<ArrayBuffer>[] }
  | { readonly kind: 'more' }
  /** All streams are read, and nothing follows. */
  | { readonly kind: 'done' }
  /** All streams are read, and this follows, or begins what follows. */
  | { readonly kind: 'trailing'; readonly rest: Uint8Array; readonly offset: number }
  | { readonly kind: 'damage'; readonly what: string; readonly offset: number }
  | { readonly kind: 'truncated'; readonly offset: number };

/**
 * Decodes bzip2 streams as input comes, part by part: the header of a stream, its blocks, its end. What is
 * known of a stream changes when a part is read to its end, so that one which is not all there yet is read
 * again from its beginning.
 */
export class Bunzip {
  private readonly bits = new BitReader();
  private readonly buffer = new Int32Array(9 * BLOCK_UNIT);
  private streams = 0;
  /** In units; 0 between streams. */
  private blockSize = 0;
  private checksum = 0;
  private wanted = HEADER_SIZE;

  add(chunk: Uint8Array): void {
    this.bits.add(chunk);
  }

  /** Up to the end of the next block. @param atEnd no more input will come. */
  step(atEnd: boolean): Step {
    for (;;) {
      if (!atEnd && this.bits.available < this.wanted) return { kind: 'more' };
      const step = this.readPart(atEnd);
      if (step !== undefined) return step;
    }
  }

  /** @returns nothing when there is nothing to tell of the part, or it takes more input */
  private readPart(atEnd: boolean): Step | undefined {
    const rewind = this.bits.mark();
    const { offset } = this.bits;
    try {
      return this.blockSize === 0 ? this.readBetweenStreams() : this.readWithinStream();
    } catch (error) {
      if (!(error instanceof OutOfBits)) return { kind: 'damage', what: (error as Error).message, offset };
      if (atEnd) return { kind: 'truncated', offset: this.bits.offset };
      rewind();
      this.wanted *= 2;
      return undefined;
    }
  }

  private readBetweenStreams(): Step | undefined {
    const end = this.streams === 0 ? undefined : this.endOfStreams();
    if (end !== undefined) return end;
    const blockSize = bzip2.header(this.bits.read);
    this.blockSize = blockSize;
    this.checksum = 0;
    this.wanted = blockSize * BLOCK_UNIT + SLACK;
    return undefined;
  }

  private readWithinStream(): Step | undefined {
    const size = this.blockSize * BLOCK_UNIT;
    const output = new BlockContent(size);
    const checksum = bzip2.decompress(this.bits.read, output.write, this.buffer, size, this.checksum);
    if (checksum !== null) {
      this.checksum = checksum;
      this.wanted = size + SLACK;
      return { kind: 'content', pieces: output.pieces };
    }
    this.streams++;
    this.blockSize = 0;
    this.wanted = HEADER_SIZE;
    return undefined;
  }

  /** Whether another stream follows: then undefined. */
  private endOfStreams(): Step | undefined {
    if (this.bits.available === 0) return { kind: 'done' };
    if (isPrefixOfAny(this.bits.peek(MAGIC.length), [MAGIC])) return undefined;
    return {
      kind: 'trailing',
      rest: Uint8Array.from(this.bits.peek(this.bits.available)),
      offset: this.bits.offset,
    };
  }
}

/**
 * A block of a run may decompress to fifty times its size: then it comes in pieces, none of which is copied.
 */
class BlockContent {
  private readonly full: Uint8Array<ArrayBuffer>[] = [];
  private bytes: Uint8Array<ArrayBuffer>;
  private length = 0;

  constructor(private readonly size: number) {
    this.bytes = new Uint8Array(size);
  }

  readonly write = (byte: number): void => {
    if (this.length === this.size) {
      this.full.push(this.bytes);
      this.bytes = new Uint8Array(this.size);
      this.length = 0;
    }
    this.bytes[this.length++] = byte;
  };

  get pieces(): Uint8Array<ArrayBuffer>[] {
    return [...this.full, this.bytes.subarray(0, this.length)];
  }
}
