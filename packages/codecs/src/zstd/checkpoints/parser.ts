import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { copyTo } from '../../shared-memory.js';
import { LibraryError } from '../errors.js';
import { MAX_BLOCK_SIZE } from '../format.js';
import { type Repeats, STOCK_TABLES } from './dictionary.js';

/** What `assembly/zstd-sequences.ts` exports, where it is told. Places are in its memory. */
interface Exports {
  freeMemory(): number;
  info(): number;
  setStockTable(kind: number, at: number, end: number): number;
  beginFrame(windowSize: number): void;
  skip(size: number): void;
  beginMarking(at: number, checkpoint: number): void;
  beginRecording(at: number): void;
  recordsSize(): number;
  markRecords(from: number, to: number): void;
  weigh(positions: number, count: number, weights: number): void;
  liveRuns(from: number, at: number, most: number): number;
  readBlock(at: number, size: number, most: number): number;
}

/** By what `readBlock` returns below zero. */
const FAULTS: Readonly<Record<number, string>> = {
  [-1]: 'a block is cut short',
  [-2]: 'a table is damaged',
  [-3]: 'there is no table to repeat',
  [-4]: 'a block is too large',
  [-5]: 'an offset leads nowhere',
  [-6]: 'a bit stream does not end where it should',
  [-7]: 'a sequence has more literals than there are',
};

const PAGE_SIZE = 64 * 1024;
const SLACK = 64;
/** So many positions can be weighed at a time. */
export const MAX_POSITIONS = 1024;
/** What a block adds to the records at most: a match has three bytes at least, a record twelve. */
const RECORDS_OF_BLOCK = MAX_BLOCK_SIZE * 4 + SLACK;

const NEW_TREE = 1;
const HAS_SEQUENCES = 2;

/** Literal lengths, offsets, match lengths. */
export type TableKind = 0 | 1 | 2;
export const TABLE_KINDS: readonly TableKind[] = [0, 1, 2];

/** Where the table of a block with sequences comes from. */
export type TableMode = 'stock' | 'one code' | 'described' | 'repeated';
const MODES = ['stock', 'one code', 'described', 'repeated'] as const;

export interface BlockContent {
  readonly size: number;
  /** The description of its Huffman tree, when it brings one. */
  readonly tree: Uint8Array | undefined;
  /** By `TableKind`; undefined for a block without sequences. */
  readonly tables: readonly { readonly mode: TableMode; readonly description: Uint8Array }[] | undefined;
}

/** A stretch of the window before a checkpoint that is referred to from behind it. */
export interface LiveRun {
  /** From the window's beginning. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads what the blocks of a frame refer to, without decompressing them. The blocks are given in order. One
 * checkpoint is marked at a time; where the next one will be is open, what is referred to is taken down, to
 * be weighed for each place that it could be at.
 */
export class SequenceParser {
  private readonly memory = new WebAssembly.Memory({ initial: 4 });
  private readonly calls: Exports;
  private readonly info: number;
  private readonly input: number;
  private readonly positions: number;
  private readonly weights: number;
  private readonly live: number;
  private records = 0;
  private recording = false;

  constructor() {
    const instance = new WebAssembly.Instance(compiledModule(), { env: { memory: this.memory } });
    this.calls = instance.exports as unknown as Exports;
    this.info = this.calls.info();
    this.input = Math.ceil(this.calls.freeMemory() / SLACK) * SLACK + SLACK;
    this.positions = this.input + MAX_BLOCK_SIZE + SLACK;
    this.weights = this.positions + MAX_POSITIONS * 8;
    this.live = this.weights + (MAX_POSITIONS + 1) * 8 + SLACK;
    this.grow(this.live);
    for (const kind of TABLE_KINDS) {
      const description = STOCK_TABLES[kind];
      this.put(description);
      this.calls.setStockTable(kind, this.input, this.input + description.length);
    }
  }

  beginFrame(windowSize: number): void {
    this.calls.beginFrame(windowSize);
    this.records = this.live + Math.ceil(windowSize / 64) * 8 + SLACK;
    this.recording = false;
  }

  get repeats(): Repeats {
    const view = new DataView(this.memory.buffer, this.info + 40, 12);
    return [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  }

  /** A block of so many bytes as they are, or of one many times. */
  skip(size: number): void {
    this.calls.skip(size);
  }

  /** @param most what the block may hold @throws LibraryError */
  read(block: Uint8Array, most: number): BlockContent {
    this.put(block);
    if (this.recording) this.grow(this.records + this.calls.recordsSize() + RECORDS_OF_BLOCK);
    const size = this.calls.readBlock(this.input, block.length, most);
    if (size < 0) throw new LibraryError(FAULTS[size]!);
    const info = new Uint32Array(this.memory.buffer, this.info, 10);
    const [flags, modes] = [info[0]!, info[3]!];
    const bytes = (at: number) => block.slice(info[at]!, info[at]! + info[at + 1]!);
    const table = (kind: TableKind) => {
      return { mode: MODES[(modes >> (6 - 2 * kind)) & 3]!, description: bytes(4 + 2 * kind) };
    };
    return {
      size,
      tree: (flags & NEW_TREE) === 0 ? undefined : bytes(1),
      tables: (flags & HAS_SEQUENCES) === 0 ? undefined : TABLE_KINDS.map(table),
    };
  }

  /** Marks from the next block on what is referred to before a checkpoint, and forgets the one before. */
  beginMarking(checkpoint: number, windowSize: number): void {
    this.grow(this.live + Math.ceil(Math.min(checkpoint, windowSize) / 64) * 8 + SLACK);
    this.calls.beginMarking(this.live, checkpoint);
    this.recording = false;
  }

  /** Takes down from the next block on what is referred to, instead of marking it. */
  beginRecording(): void {
    this.calls.beginRecording(this.records);
    this.recording = true;
  }

  /** Marks what was taken down from the blocks between two positions. */
  markRecords(from: number, to: number): void {
    this.calls.markRecords(from, to);
  }

  /**
   * How much of what was taken down refers across each position; they are ascending, `MAX_POSITIONS` at most.
   */
  weigh(positions: readonly number[]): number[] {
    const { buffer } = this.memory;
    new BigUint64Array(buffer, this.positions, positions.length).set(positions.map(BigInt));
    this.calls.weigh(this.positions, positions.length, this.weights);
    return Array.from(new BigUint64Array(buffer, this.weights, positions.length), Number);
  }

  /** What was marked, in order. */
  *liveRuns(): Generator<LiveRun> {
    for (let from = 0, count = MAX_POSITIONS; count === MAX_POSITIONS; ) {
      count = this.calls.liveRuns(from, this.positions, MAX_POSITIONS);
      const edges = new Uint32Array(this.memory.buffer, this.positions, 2 * count);
      for (let index = 0; index < count; index++) {
        from = edges[2 * index + 1]!;
        yield { start: edges[2 * index]!, end: from };
      }
    }
  }

  private put(bytes: Uint8Array): void {
    copyTo(new Uint8Array(this.memory.buffer, this.input, bytes.length), bytes, 0);
  }

  private grow(end: number): void {
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_SIZE));
  }
}

let compiled: WebAssembly.Module | undefined;

/** Found through this package's exports, as the worker threads' scripts are. */
function compiledModule(): WebAssembly.Module {
  const path = createRequire(import.meta.url).resolve('@vzdump-format/codecs/zstd-sequences.wasm');
  compiled ??= new WebAssembly.Module(readFileSync(path));
  return compiled;
}
