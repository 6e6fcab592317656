import { copyShort, copyTo } from '../../shared-memory.js';
import { LibraryError } from '../errors.js';
import type { LiveRun } from './parser.js';

/**
 * What a decoder has to know at a checkpoint. Little endian:
 *
 *     u16 length of the dictionary's head, the head (`encodeDictionaryHead`)
 *     u32 size of the window, u32 number of stretches of it that are needed
 *     for each stretch: how far behind the one before it begins, and its length, as LEB128
 *     the bytes of all stretches
 *
 * What is not needed is zeros. A dictionary is the head and the window.
 */
const FIXED_SIZE = 10;

/**
 * @param size of the window before the checkpoint
 * @param copy copies a run of it
 * @param allocate gives memory for the state
 */
export function encodeState<Memory extends Uint8Array>(
  head: Uint8Array,
  size: number,
  live: Iterable<LiveRun>,
  copy: (run: LiveRun, target: Uint8Array, at: number) => void,
  allocate: (size: number) => Memory,
): Memory {
  const runs = [...live];
  const cut = Math.min(size - leastWindow(head), runs[0]?.start ?? size);
  const numbers = new Numbers();
  let end = cut;
  let length = 0;
  for (const run of runs) {
    numbers.add(run.start - end);
    numbers.add(run.end - run.start);
    length += run.end - run.start;
    end = run.end;
  }
  const fixed = Buffer.alloc(FIXED_SIZE);
  fixed.writeUInt16LE(head.length);
  fixed.writeUInt32LE(size - cut, 2);
  fixed.writeUInt32LE(runs.length, 6);
  const start = Buffer.concat([fixed.subarray(0, 2), head, fixed.subarray(2), numbers.bytes()]);
  const state = allocate(start.length + length);
  state.set(start);
  let at = start.length;
  for (const run of runs) {
    copy(run, state, at);
    at += run.end - run.start;
  }
  return state;
}

/** A window must reach back as far as each offset that can be repeated, needed or not. */
function leastWindow(head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset + head.length - 12, 12);
  return Math.max(...[0, 4, 8].map((at) => view.getUint32(at, true)));
}

/** The dictionary of a state. @param most how large its window may be @throws LibraryError */
export function dictionaryOf(state: Buffer, most: number): Uint8Array<ArrayBuffer> {
  const reader = new StateReader(state);
  const head = reader.bytes(reader.number(2));
  const [size, count] = [reader.number(4), reader.number(4)];
  if (size > most || count > state.length) throw damaged();
  const numbers = Float64Array.from({ length: 2 * count }, () => reader.leb128());
  const dictionary = new Uint8Array(head.length + size);
  copyTo(dictionary, head, 0);
  let at = head.length;
  for (let run = 0; run < count; run++) {
    const length = numbers[2 * run + 1]!;
    at += numbers[2 * run]!;
    if (at + length > dictionary.length) throw damaged();
    copyShort(state, reader.skip(length), length, dictionary, at);
    at += length;
  }
  reader.expectEnd();
  return dictionary;
}

class StateReader {
  private at = 0;

  constructor(private readonly state: Buffer) {}

  number(size: 2 | 4): number {
    return this.bytes(size).readUIntLE(0, size);
  }

  leb128(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.state[this.at++];
      if (byte === undefined) throw damaged();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw damaged();
  }

  bytes(length: number): Buffer {
    const start = this.skip(length);
    return this.state.subarray(start, this.at);
  }

  /** @returns where the next bytes begin, which are there */
  skip(length: number): number {
    const start = this.at;
    this.at += length;
    if (this.at > this.state.length) throw damaged();
    return start;
  }

  expectEnd(): void {
    if (this.at !== this.state.length) throw damaged();
  }
}

/** Numbers as LEB128, in memory that grows. */
class Numbers {
  private memory = Buffer.alloc(1024);
  private length = 0;

  add(value: number): void {
    if (this.length + 5 > this.memory.length)
      this.memory = Buffer.concat([this.memory], this.length * 2 + 10);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.memory[this.length++] = (rest % 128) | 128;
    this.memory[this.length++] = rest;
  }

  bytes(): Buffer {
    return this.memory.subarray(0, this.length);
  }
}

function damaged(): LibraryError {
  return new LibraryError('the state at a checkpoint is damaged');
}
