import {
  GOODBYE_ITEM_SIZE,
  GOODBYE_TAIL_MARKER,
  ITEM,
  ITEM_HEADER_SIZE,
  readU64,
  type U64,
  writeU64,
} from './format.js';

/**
 * The order in which sorted children stand in a goodbye table: which of them is at each position. They form a
 * complete binary tree, written level by level: the children of position i are at 2i+1 (smaller hashes) and
 * 2i+2 (larger ones), so that to walk it from left to right is to count.
 */
export function treeOrder(length: number): Uint32Array {
  const order = new Uint32Array(length);
  let next = 0;
  const visit = (position: number) => {
    if (position >= length) return;
    visit(2 * position + 1);
    order[position] = next++;
    visit(2 * position + 2);
  };
  visit(0);
  return order;
}

/** One item of a goodbye table. Numbers past 2^53 are infinite. */
export interface GoodbyeItem extends U64 {
  /** Distance from what it is about to the GOODBYE. */
  readonly distance: number;
  readonly size: number;
}

export function decodeGoodbyeItem(view: DataView, at: number): GoodbyeItem {
  return {
    low: view.getUint32(at, true),
    high: view.getUint32(at + 4, true),
    distance: readU64(view, at + 8),
    size: readU64(view, at + 16),
  };
}

export function isGoodbyeTail({ low, high }: U64): boolean {
  return low === GOODBYE_TAIL_MARKER.low && high === GOODBYE_TAIL_MARKER.high;
}

/** Negative, 0 or positive, as hashes are sorted. */
export function compareHashes(a: U64, b: U64): number {
  return a.high - b.high || a.low - b.low;
}

/** A child of an open directory. */
export interface Child extends U64 {
  /** Where its FILENAME stands in the archive. */
  readonly start: number;
  /** From there to its end, in the archive. */
  readonly length: number;
  /** Bytes of its content that stand in the payload stream. */
  readonly elsewhere: number;
}

const FIRST_CAPACITY = 16;

/** The children of a directory, collected for its goodbye table: 32 bytes each, kept out of the heap. */
export class ChildTable {
  length = 0;
  private lows = new Uint32Array(FIRST_CAPACITY);
  private highs = new Uint32Array(FIRST_CAPACITY);
  private starts = new Float64Array(FIRST_CAPACITY);
  private lengths = new Float64Array(FIRST_CAPACITY);
  private elsewheres = new Float64Array(FIRST_CAPACITY);
  /** What `has` looks in, made when it is first asked. */
  private known: Set<number> | undefined;

  add(low: number, high: number, start: number, length: number, elsewhere: number): void {
    const index = this.length++;
    if (index === this.lows.length) this.grow();
    this.lows[index] = low;
    this.highs[index] = high;
    this.starts[index] = start;
    this.lengths[index] = length;
    this.elsewheres[index] = elsewhere;
    this.known?.add(setKey(low, high));
  }

  at(index: number): Child {
    return {
      low: this.lows[index]!,
      high: this.highs[index]!,
      start: this.starts[index]!,
      length: this.lengths[index]!,
      elsewhere: this.elsewheres[index]!,
    };
  }

  /** Whether `has` was asked, so that it costs nothing to ask again. */
  get isAsked(): boolean {
    return this.known !== undefined;
  }

  /** Whether there is a child whose name has this hash. */
  has(low: number, high: number): boolean {
    if (this.known === undefined) {
      this.known = new Set();
      for (let index = 0; index < this.length; index++) {
        this.known.add(setKey(this.lows[index]!, this.highs[index]!));
      }
    }
    return this.known.has(setKey(low, high));
  }

  /** Forgets them all, to serve another directory. */
  clear(): void {
    if (this.length > 1024) Object.assign(this, new ChildTable()); // lets go of the memory
    this.length = 0;
    this.known = undefined;
  }

  /** Indices of the children by hash; those of the same hash in the order in which they came. */
  sorted(): Uint32Array {
    const { lows, highs } = this;
    const indices = new Uint32Array(this.length);
    for (let index = 0; index < indices.length; index++) indices[index] = index;
    return indices.sort((a, b) => highs[a]! - highs[b]! || lows[a]! - lows[b]! || a - b);
  }

  /** Indices of the children in the archive's order. */
  inOrder(): Uint32Array {
    const { starts } = this;
    const indices = new Uint32Array(this.length);
    for (let index = 0; index < indices.length; index++) indices[index] = index;
    return indices.sort((a, b) => starts[a]! - starts[b]!);
  }

  /** Bytes of the directory's GOODBYE, its header included. */
  get goodbyeSize(): number {
    return ITEM_HEADER_SIZE + (this.length + 1) * GOODBYE_ITEM_SIZE;
  }

  /**
   * Writes the directory's GOODBYE. Says whether there are children of the same name.
   * @param start where it stands in the archive
   * @param directory where the directory's ENTRY stands; for the root, where the archive begins
   */
  encode(view: DataView, at: number, start: number, directory: number): boolean {
    view.setInt32(at, ITEM.GOODBYE.low, true);
    view.setInt32(at + 4, ITEM.GOODBYE.high, true);
    writeU64(view, at + 8, this.goodbyeSize);
    const sorted = this.sorted();
    let to = at + ITEM_HEADER_SIZE;
    for (const index of treeOrder(this.length)) {
      const child = sorted[index]!;
      view.setUint32(to, this.lows[child]!, true);
      view.setUint32(to + 4, this.highs[child]!, true);
      writeU64(view, to + 8, start - this.starts[child]!);
      writeU64(view, to + 16, this.lengths[child]! + this.elsewheres[child]!);
      to += GOODBYE_ITEM_SIZE;
    }
    view.setUint32(to, GOODBYE_TAIL_MARKER.low, true);
    view.setUint32(to + 4, GOODBYE_TAIL_MARKER.high, true);
    writeU64(view, to + 8, start - directory);
    writeU64(view, to + 16, this.goodbyeSize);
    return this.hasNamesakes(sorted);
  }

  private hasNamesakes(sorted: Uint32Array): boolean {
    for (let position = 1; position < sorted.length; position++) {
      const [a, b] = [sorted[position - 1]!, sorted[position]!];
      if (this.lows[a] === this.lows[b] && this.highs[a] === this.highs[b]) return true;
    }
    return false;
  }

  private grow(): void {
    this.lows = grown(this.lows, new Uint32Array(this.lows.length * 2));
    this.highs = grown(this.highs, new Uint32Array(this.highs.length * 2));
    this.starts = grown(this.starts, new Float64Array(this.starts.length * 2));
    this.lengths = grown(this.lengths, new Float64Array(this.lengths.length * 2));
    this.elsewheres = grown(this.elsewheres, new Float64Array(this.elsewheres.length * 2));
  }
}

function grown<Numbers extends Uint32Array | Float64Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

/** 53 of the 64 bits, which a number holds: enough to tell names apart that nobody chose to be alike. */
function setKey(low: number, high: number): number {
  return (high & 0x1fffff) * 2 ** 32 + low;
}

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012), over halves of 32 bits: BigInt is fifty times slower, and a
 * module of WebAssembly would have every name copied into its memory. The result stands in `low` and `high`,
 * so that hashing a name allocates nothing.
 */
export class SipHash {
  /** Of the last hash, unsigned. */
  low = 0;
  high = 0;

  constructor(private readonly key: readonly [U64, U64]) {}

  /** Hashes a part of `bytes`. */
  hash(bytes: Uint8Array, start: number, end: number): void {
    const [k0, k1] = this.key;
    // the state: four numbers, low and high halves; the constants are "somepseudorandomlygeneratedbytes"
    let a = k0.low ^ 0x70736575;
    let A = k0.high ^ 0x736f6d65;
    let b = k1.low ^ 0x6e646f6d;
    let B = k1.high ^ 0x646f7261;
    let c = k0.low ^ 0x6e657261;
    let C = k0.high ^ 0x6c796765;
    let d = k1.low ^ 0x79746573;
    let D = k1.high ^ 0x74656462;

    const length = end - start;
    const fullBlocks = length >>> 3;
    // the full blocks, the one that is filled up, and the end, which has more rounds
    for (let block = 0, at = start; block <= fullBlocks + 1; block++, at += 8) {
      let word = 0;
      let WORD = 0;
      let rounds = 2;
      if (block < fullBlocks) {
        word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        WORD = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      } else if (block === fullBlocks) {
        for (let index = end - 1; index >= at + 4; index--) WORD = (WORD << 8) | bytes[index]!;
        for (let index = Math.min(end, at + 4) - 1; index >= at; index--) word = (word << 8) | bytes[index]!;
        WORD |= length << 24;
      } else {
        c ^= 0xff;
        rounds = 4;
      }
      d ^= word;
      D ^= WORD;
      for (; rounds > 0; rounds--) {
        let sum = (a + b) | 0;
        A = (A + B + (((a & b) | ((a | b) & ~sum)) >>> 31)) | 0;
        a = sum;
        let swap = b;
        b = ((b << 13) | (B >>> 19)) ^ a;
        B = ((B << 13) | (swap >>> 19)) ^ A;
        swap = a;
        a = A;
        A = swap;
        sum = (c + d) | 0;
        C = (C + D + (((c & d) | ((c | d) & ~sum)) >>> 31)) | 0;
        c = sum;
        swap = d;
        d = ((d << 16) | (D >>> 16)) ^ c;
        D = ((D << 16) | (swap >>> 16)) ^ C;
        sum = (a + d) | 0;
        A = (A + D + (((a & d) | ((a | d) & ~sum)) >>> 31)) | 0;
        a = sum;
        swap = d;
        d = ((d << 21) | (D >>> 11)) ^ a;
        D = ((D << 21) | (swap >>> 11)) ^ A;
        sum = (c + b) | 0;
        C = (C + B + (((c & b) | ((c | b) & ~sum)) >>> 31)) | 0;
        c = sum;
        swap = b;
        b = ((b << 17) | (B >>> 15)) ^ c;
        B = ((B << 17) | (swap >>> 15)) ^ C;
        swap = c;
        c = C;
        C = swap;
      }
      a ^= word;
      A ^= WORD;
    }
    this.low = (a ^ b ^ c ^ d) >>> 0;
    this.high = (A ^ B ^ C ^ D) >>> 0;
  }
}
