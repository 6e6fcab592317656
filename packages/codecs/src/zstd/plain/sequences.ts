import { BackwardBits, damaged } from './bits.js';
import { type FseTable, fseTable, readDistribution, tableOfOne } from './fse.js';

/** What a code stands for: so much, and so many bits more. */
interface Codes {
  readonly maxLog: number;
  readonly bases: readonly number[];
  readonly bits: readonly number[];
  readonly predefined: FseTable;
}

/** Codes above the plain ones by the number of their bits. */
function codes(
  maxLog: number,
  plain: number,
  first: number,
  longer: readonly number[],
  predefined: FseTable,
): Codes {
  const bits = [...Array<number>(plain).fill(0), ...longer];
  let base = first;
  const bases = bits.map((count) => {
    const own = base;
    base += 2 ** count;
    return own;
  });
  return { maxLog, bases, bits, predefined };
}

const times = (count: number, value: number) => Array<number>(count).fill(value);

const LITERAL_LENGTHS = codes(
  9,
  16,
  0,
  [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  fseTable({
    log: 6,
    counts: [4, 3, ...times(11, 2), 1, 1, 1, ...times(9, 2), 3, 2, ...times(5, 1), ...times(4, -1)],
  }),
);
const MATCH_LENGTHS = codes(
  9,
  32,
  3,
  [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  fseTable({ log: 6, counts: [1, 4, 3, ...times(6, 2), ...times(37, 1), ...times(7, -1)] }),
);
/** The bits of the code itself, above which stands a one. */
const OFFSETS: Codes = {
  maxLog: 8,
  bases: Array.from({ length: 32 }, (_, code) => 2 ** code),
  bits: Array.from({ length: 32 }, (_, code) => code),
  predefined: fseTable({
    log: 5,
    counts: [...times(6, 1), ...times(3, 2), ...times(15, 1), ...times(5, -1)],
  }),
};

/** In the order of their descriptions. */
const KINDS = [LITERAL_LENGTHS, OFFSETS, MATCH_LENGTHS] as const;
/** Of their distributions. */
export const TABLE_LIMITS = KINDS.map(({ maxLog, bases }) => ({ maxLog, maxSymbol: bases.length - 1 }));
/** A dictionary has the tables of offsets, match lengths and literal lengths. */
export const DICTIONARY_ORDER = [1, 2, 0] as const;
const PREDEFINED = 0;
const ONE = 1;
const REPEATED = 3;

export type OnSequence = (literals: number, match: number, offset: number) => void;

/**
 * The sequences of one block after the other; tables serve until there are others, and offsets until they are
 * pushed out.
 */
export class SequencesReader {
  private readonly tables: (FseTable | undefined)[] = [];
  private readonly recent = [0, 0, 0];

  constructor() {
    this.reset();
  }

  reset(): void {
    this.tables.length = 0;
    this.recent.splice(0, 3, 1, 4, 8);
  }

  /** Takes tables and offsets of a dictionary. @returns where its content begins @throws LibraryError */
  load(dictionary: Uint8Array, start: number): number {
    let at = start;
    for (const index of DICTIONARY_ORDER) {
      const distribution = readDistribution(dictionary, at, dictionary.length, TABLE_LIMITS[index]!);
      this.tables[index] = fseTable(distribution);
      at = distribution.end;
    }
    if (at + 12 > dictionary.length) throw damaged('a dictionary is cut short');
    const view = new DataView(dictionary.buffer, dictionary.byteOffset + at, 12);
    for (const index of [0, 1, 2]) this.recent[index] = view.getUint32(4 * index, true);
    return at + 12;
  }

  /** Reads the section that ends a block. @throws LibraryError */
  read(block: Uint8Array, start: number, end: number, onSequence: OnSequence): void {
    const { count, at } = readCount(block, start);
    if (at > end) throw damaged('the sequences are cut short');
    if (count === 0) {
      if (at !== end) throw damaged('there is something behind the sequences');
      return;
    }
    const begin = this.readTables(block, at, end);
    this.readAll(count, new BackwardBits(block, begin, end), onSequence);
  }

  private readTables(block: Uint8Array, start: number, end: number): number {
    const modes = block[start]!;
    if (start >= end || (modes & 3) !== 0) throw damaged('unknown tables');
    let at = start + 1;
    for (const [index, kind] of KINDS.entries()) {
      const mode = (modes >> (6 - index * 2)) & 3;
      if (mode === REPEATED) {
        if (this.tables[index] === undefined) throw damaged('there is no table to repeat');
      } else if (mode === PREDEFINED) {
        this.tables[index] = kind.predefined;
      } else if (mode === ONE) {
        if (at >= end || block[at]! >= kind.bases.length) throw damaged('an unknown code');
        this.tables[index] = tableOfOne(block[at++]!);
      } else {
        const distribution = readDistribution(block, at, end, TABLE_LIMITS[index]!);
        this.tables[index] = fseTable(distribution);
        at = distribution.end;
      }
    }
    return at;
  }

  private readAll(count: number, stream: BackwardBits, onSequence: OnSequence): void {
    const [literals, offsets, matches] = this.tables as [FseTable, FseTable, FseTable];
    let literalState = stream.read(literals.log);
    let offsetState = stream.read(offsets.log);
    let matchState = stream.read(matches.log);
    for (let left = count; left > 0; left--) {
      const offset = value(OFFSETS, offsets.symbols[offsetState]!, stream);
      const match = value(MATCH_LENGTHS, matches.symbols[matchState]!, stream);
      const length = value(LITERAL_LENGTHS, literals.symbols[literalState]!, stream);
      if (stream.left < 0) throw damaged('the sequences are cut short');
      onSequence(length, match, this.offsetOf(offset, length));
      if (left === 1) break;
      literalState = next(literals, literalState, stream);
      matchState = next(matches, matchState, stream);
      offsetState = next(offsets, offsetState, stream);
    }
    stream.expectEnd();
  }

  /** Small values stand for recent offsets. */
  private offsetOf(value: number, literals: number): number {
    const { recent } = this;
    const index = value > 3 ? 3 : value - 1 + (literals === 0 ? 1 : 0);
    if (index === 0) return recent[0]!;
    const offset = value > 3 ? value - 3 : index === 3 ? recent[0]! - 1 : recent[index]!;
    if (index > 1) recent[2] = recent[1]!;
    recent[1] = recent[0]!;
    recent[0] = offset;
    return offset;
  }
}

/** How many sequences there are, and where what follows the number begins. */
export function readCount(block: Uint8Array, start: number): { readonly count: number; readonly at: number } {
  const [first, second, third] = [block[start]!, block[start + 1]!, block[start + 2]!];
  if (first < 128) return { count: first, at: start + 1 };
  if (first < 255) return { count: ((first - 128) << 8) + second, at: start + 2 };
  return { count: second + (third << 8) + 0x7f00, at: start + 3 };
}

function value({ bases, bits }: Codes, code: number, stream: BackwardBits): number {
  const count = bits[code]!;
  return count === 0 ? bases[code]! : bases[code]! + stream.read(count);
}

function next({ bits, bases }: FseTable, state: number, stream: BackwardBits): number {
  return bases[state]! + stream.read(bits[state]!);
}
