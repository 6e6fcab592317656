import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { copyTo } from '../shared-memory.js';

/** What `assembly/lzo1x.ts` exports. Places are in its memory. */
interface Exports {
  compress(input: number, length: number, output: number, table: number): number;
  decompress(input: number, length: number, output: number, outputLength: number): number;
  adler32(bytes: number, length: number, previous: number): number;
}

const PAGE_SIZE = 64 * 1024;
/** The hash table comes first, in a page of its own; then the input, then the output. */
const TABLE = 0;
const INPUT = PAGE_SIZE;
const SLACK = 64;

/** By what `decompress` returns below zero. */
const FAULTS: Readonly<Record<number, string>> = {
  [-1]: 'the end is missing',
  [-2]: 'literals go beyond the input',
  [-3]: 'literals go beyond the output',
  [-4]: 'a match reaches before the beginning',
  [-5]: 'a match goes beyond the output',
  [-6]: 'a length does not end',
  [-7]: 'data follows the end',
};

export class Lzo1xError extends Error {}

/** The most that `length` bytes can become. */
export function lzo1xBound(length: number): number {
  return length + (length >> 4) + 64 + 3;
}

/** Where a block lies in the memory. */
interface Place {
  readonly at: number;
  readonly length: number;
}

const NOWHERE: Place = { at: INPUT, length: 0 };

/**
 * LZO1X-1, as `lzop -3` compresses, and the checksum that goes with it. Blocks are copied to WebAssembly's
 * memory and back, where the last ones stay.
 */
class Lzo1x {
  private readonly memory = new WebAssembly.Memory({ initial: 1 });
  private readonly calls: Exports;
  private input = NOWHERE;
  private output = NOWHERE;

  constructor() {
    const instance = new WebAssembly.Instance(compiledModule(), { env: { memory: this.memory } });
    this.calls = instance.exports as unknown as Exports;
  }

  /**
   * @param output has room for `lzo1xBound(input.length)` bytes.
   * @returns the number of bytes written to it.
   */
  compress(input: Uint8Array, output: Uint8Array): number {
    const at = this.stage(input, lzo1xBound(input.length));
    const length = this.calls.compress(INPUT, input.length, at, TABLE);
    return this.deliver({ at, length }, output);
  }

  /**
   * Nothing in the input is trusted.
   * @returns the number of bytes written to `output`.
   * @throws Lzo1xError
   */
  decompress(input: Uint8Array, output: Uint8Array): number {
    const at = this.stage(input, output.length);
    const length = this.calls.decompress(INPUT, input.length, at, output.length);
    if (length < 0) throw new Lzo1xError(FAULTS[length]);
    return this.deliver({ at, length }, output);
  }

  /** Adler-32 (RFC 1950, 8.2). @param previous of the bytes before these. */
  adler32(bytes: Uint8Array, previous = 1): number {
    this.stage(bytes, 0);
    return this.adlerOf(this.input, previous);
  }

  /** Of what was compressed or decompressed last. */
  adlerOfInput(): number {
    return this.adlerOf(this.input);
  }

  /** Of what became of it. */
  adlerOfOutput(): number {
    return this.adlerOf(this.output);
  }

  private adlerOf({ at, length }: Place, previous = 1): number {
    return this.calls.adler32(at, length, previous) >>> 0;
  }

  /** Copies the input in. @returns where the output goes, which has room for `room` bytes. */
  private stage(input: Uint8Array, room: number): number {
    const output = INPUT + input.length + SLACK;
    const missing = output + room + SLACK - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_SIZE));
    this.input = { at: INPUT, length: input.length };
    copyTo(this.bytes(this.input), input, 0);
    return output;
  }

  private deliver(made: Place, output: Uint8Array): number {
    this.output = made;
    copyTo(output, this.bytes(made), 0);
    return made.length;
  }

  private bytes({ at, length }: Place): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }
}

let shared: Lzo1x | undefined;

/** One for everybody on this thread, made when it is needed. */
export function lzo1x(): Lzo1x {
  shared ??= new Lzo1x();
  return shared;
}

/** Found through this package's exports, as the worker threads' scripts are. */
function compiledModule(): WebAssembly.Module {
  const path = createRequire(import.meta.url).resolve('@vzdump-format/codecs/lzo1x.wasm');
  return new WebAssembly.Module(readFileSync(path));
}
