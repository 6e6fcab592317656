import {
  GOODBYE_ITEM_SIZE,
  GOODBYE_TAIL_MARKER,
  ITEM,
  ITEM_HEADER_SIZE,
  readU64,
  type U64,
  writeU64,
} from '../format.js';

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
