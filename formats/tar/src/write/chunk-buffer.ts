import { BLOCK_SIZE, wholeBlocks } from '../format.js';
import { HeaderEncoder, type HeaderFields } from '../header/header.js';

/** What is gathered before it is passed on. */
const CHUNK_SIZE = 1024 * 1024;

/** Gathers the blocks of an archive into chunks. */
export class ChunkBuffer {
  /** Bytes of the archive so far. */
  offset = 0;
  private chunk: Uint8Array = newChunk();
  private used = 0;
  private readonly full: Uint8Array[] = [];
  private readonly spare: Uint8Array[] = [];
  private givenBack: Uint8Array | undefined;
  /** Two encoders, so that each can reuse its own last header. */
  private readonly headers = new HeaderEncoder();
  private readonly paxHeaders = new HeaderEncoder();

  /** A block of zeros. */
  zeroBlock(): void {
    const at = this.block();
    this.chunk.fill(0, at, at + BLOCK_SIZE);
  }

  /** The header of a member. */
  header(fields: HeaderFields): void {
    const at = this.block();
    this.headers.encode(this.chunk, at, fields);
  }

  /** The header of pax records. */
  paxHeader(fields: HeaderFields): void {
    const at = this.block();
    this.paxHeaders.encode(this.chunk, at, fields);
  }

  /** The first bytes of `bytes`, not more than a block, and zeros behind them. */
  appendBlock(bytes: Uint8Array, length: number): void {
    const at = this.block();
    const { chunk } = this;
    for (let index = 0; index < length; index++) chunk[at + index] = bytes[index]!; // few
    chunk.fill(0, at + length, at + BLOCK_SIZE);
  }

  /** Text that is ASCII. */
  appendAscii(text: string): void {
    if (text.length > CHUNK_SIZE - this.used) {
      this.append(Buffer.from(text, 'latin1'));
    } else {
      const { chunk, used } = this;
      for (let index = 0; index < text.length; index++) chunk[used + index] = text.charCodeAt(index); // short texts
      this.advance(text.length);
    }
  }

  /** Copies bytes. */
  append(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > CHUNK_SIZE - this.used) {
      const part = rest.subarray(0, CHUNK_SIZE - this.used);
      rest = rest.subarray(part.length);
      this.put(part);
      this.turn();
    }
    this.put(rest);
  }

  /** Zeros up to a whole block. */
  pad(): void {
    const padding = wholeBlocks(this.offset) - this.offset;
    if (padding > CHUNK_SIZE - this.used) {
      this.append(new Uint8Array(padding));
    } else if (padding > 0) {
      this.chunk.fill(0, this.used, this.used + padding);
      this.advance(padding);
    }
  }

  /** Bytes that the caller passes on itself, behind all that was gathered. */
  passed(length: number): void {
    this.offset += length;
  }

  /** Makes what has been gathered a chunk, be it short. */
  flush(): void {
    if (this.used > 0) this.turn();
  }

  get isFull(): boolean {
    return this.full.length > 0;
  }

  /** The next chunk that is full. */
  take(): Uint8Array | undefined {
    return this.full.shift();
  }

  /** Gives back a chunk that may be written over as soon as the next one is given back. */
  giveBack(chunk: Uint8Array): void {
    if (this.givenBack !== undefined) this.spare.push(this.givenBack);
    this.givenBack = new Uint8Array(chunk.buffer, chunk.byteOffset, CHUNK_SIZE);
  }

  /** Leaves room for a block. @returns where in the chunk it begins */
  private block(): number {
    if (CHUNK_SIZE - this.used < BLOCK_SIZE) this.turn();
    const at = this.used;
    this.advance(BLOCK_SIZE);
    return at;
  }

  private put(bytes: Uint8Array): void {
    this.chunk.set(bytes, this.used);
    this.advance(bytes.length);
  }

  private advance(length: number): void {
    this.used += length;
    this.offset += length;
  }

  private turn(): void {
    this.full.push(this.chunk.subarray(0, this.used));
    this.chunk = this.spare.pop() ?? newChunk();
    this.used = 0;
  }
}

function newChunk(): Uint8Array {
  return Buffer.allocUnsafeSlow(CHUNK_SIZE);
}
