import type { FramePiece } from '../engine.js';
import {
  BLOCK_HEADER_SIZE,
  CHECKSUM_SIZE,
  decodeBlockHeader,
  decodeFrameHeader,
  type FrameHeader,
  headerRestSize,
  MAGIC_SIZE,
  MAX_BLOCK_SIZE,
} from '../format.js';
import { damaged } from './bits.js';
import { LiteralsReader } from './literals.js';
import { SequencesReader } from './sequences.js';

/** XXH64, of which frames have the low half. */
export interface Hash {
  update(bytes: Uint8Array): void;
  digest(): bigint;
}

const RAW = 0;
const RUN = 1;
/** Behind the magic number of a dictionary, and its own. */
const DICTIONARY_START = 8;

/** A frame under way: what its next block can refer to. */
interface Frame {
  readonly header: FrameHeader;
  readonly history: History;
  readonly hash: Hash | undefined;
  /** How much of the history is not of the frame. */
  readonly dictionarySize: number;
}

/**
 * Decompresses frames (RFC 8878) in plain JavaScript, a few blocks at a time, with no more memory than one
 * and a half windows: for libraries that take whole frames only.
 */
export class PlainDecoder {
  private readonly literals = new LiteralsReader();
  private readonly sequences = new SequencesReader();
  private frame: Frame | undefined;

  constructor(private readonly newHash: () => Hash) {}

  /** Decompresses whole blocks, in order. @returns how much of `output` it fills @throws LibraryError */
  decode({ buffer, length, output, first, last, dictionary }: FramePiece): number {
    let at = first ? this.begin(buffer, dictionary) : 0;
    const { header, history, hash } = this.frame!;
    const start = history.length;
    history.reserve(output.length + MAX_BLOCK_SIZE);
    let ended = false;
    while (!ended && at < length) {
      ended = decodeBlockHeader(buffer, at).last;
      at = this.block(buffer, at, Math.min(MAX_BLOCK_SIZE, header.windowSize));
      if (history.length - start > output.length) throw damaged('there is more data than the header says');
    }
    const content = history.since(start);
    output.set(content);
    hash?.update(content);
    if (ended !== last) throw damaged(last ? 'the frame ends too early' : 'the frame does not end');
    if (last) at = this.end(buffer, at);
    if (at !== length) throw damaged('there is more data than the header says');
    return content.length;
  }

  private begin(buffer: Uint8Array, dictionary: Uint8Array | undefined): number {
    const descriptor = buffer[MAGIC_SIZE]!;
    const rest = MAGIC_SIZE + 1;
    const end = rest + headerRestSize(descriptor);
    const header = decodeFrameHeader(descriptor, buffer.subarray(rest, end));
    this.literals.reset();
    this.sequences.reset();
    const history = new History(header.windowSize);
    if (dictionary !== undefined) this.load(dictionary, history);
    const hash = header.hasChecksum ? this.newHash() : undefined;
    this.frame = { header, history, hash, dictionarySize: history.length };
    return end;
  }

  /** Takes over what a dictionary (RFC 8878, 5) knows: tables, and content. */
  private load(dictionary: Uint8Array, history: History): void {
    const behindTree = this.literals.load(dictionary, DICTIONARY_START);
    const content = this.sequences.load(dictionary, behindTree);
    history.reserve(dictionary.length - content);
    history.append(dictionary, content, dictionary.length);
  }

  private end(buffer: Uint8Array, at: number): number {
    const { header, history, hash, dictionarySize } = this.frame!;
    const size = history.length - dictionarySize;
    if (header.contentSize !== undefined && header.contentSize !== size) {
      throw damaged('the content is not as long as the header says');
    }
    if (hash === undefined) return at;
    const stored = new DataView(buffer.buffer, buffer.byteOffset + at, CHECKSUM_SIZE).getUint32(0, true);
    if (stored !== Number(hash.digest() & 0xffff_ffffn))
      throw damaged("Restored data doesn't match checksum");
    return at + CHECKSUM_SIZE;
  }

  /** @returns where the block ends */
  private block(buffer: Uint8Array, at: number, most: number): number {
    const { history } = this.frame!;
    const header = buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16);
    const [type, size] = [(header >> 1) & 3, header >>> 3];
    const start = at + BLOCK_HEADER_SIZE;
    const end = start + (type === RUN ? 1 : size);
    if (size > most) throw damaged('a block is too large');
    if (type === RAW) history.append(buffer, start, end);
    else if (type === RUN) history.run(buffer[start]!, size);
    else this.compressed(buffer, start, end, most);
    return end;
  }

  private compressed(buffer: Uint8Array, start: number, end: number, most: number): void {
    const { history } = this.frame!;
    const { literals } = this;
    const limit = history.length + most;
    const behindLiterals = literals.read(buffer, start, end);
    let used = 0;
    this.sequences.read(buffer, behindLiterals, end, (length, match, offset) => {
      const from = used;
      used += length;
      if (used > literals.length) throw damaged('a sequence has more literals than there are');
      if (history.length + length + match > limit) throw damaged('a block is too large');
      history.append(literals.bytes, from, used);
      history.repeat(offset, match);
    });
    if (history.length + literals.length - used > limit) throw damaged('a block is too large');
    history.append(literals.bytes, used, literals.length);
  }
}

/** The content of a frame so far, of which the last window is kept. */
class History {
  /** Of the content so far. */
  length = 0;
  private bytes = new Uint8Array(0);
  /** How much of the content is gone. */
  private gone = 0;

  constructor(private readonly windowSize: number) {}

  /**
   * Makes room for so much, which may then be appended. Memory grows with the content, to one and a half
   * windows: so what is kept is moved to the beginning once in half a window.
   */
  reserve(count: number): void {
    const end = this.length - this.gone;
    if (end + count <= this.bytes.length) return;
    const kept = Math.min(end, this.windowSize);
    const most = Math.floor(this.windowSize * 1.5) + count;
    const size = Math.min(most, Math.max(kept + count, this.bytes.length * 2));
    const target = this.bytes.length < most ? new Uint8Array(size) : this.bytes;
    target.set(this.bytes.subarray(end - kept, end));
    this.bytes = target;
    this.gone = this.length - kept;
  }

  append(source: Uint8Array, start: number, end: number): void {
    this.bytes.set(source.subarray(start, end), this.add(end - start));
  }

  run(byte: number, count: number): void {
    const at = this.add(count);
    this.bytes.fill(byte, at, at + count);
  }

  /**
   * Appends so much of what stands `offset` before the end, which may be what is appended.
   * @throws LibraryError
   */
  repeat(offset: number, count: number): void {
    if (offset < 1 || offset > Math.min(this.length, this.windowSize))
      throw damaged('an offset leads nowhere');
    const at = this.add(count);
    const { bytes } = this;
    if (offset >= count && count > 16) bytes.copyWithin(at, at - offset, at - offset + count);
    else for (let index = at; index < at + count; index++) bytes[index] = bytes[index - offset]!;
  }

  /** What was appended since the content had this length; valid until more is. */
  since(length: number): Uint8Array {
    return this.bytes.subarray(length - this.gone, this.length - this.gone);
  }

  /** @returns where in memory the addition begins */
  private add(count: number): number {
    const at = this.length - this.gone;
    this.length += count;
    return at;
  }
}
