/** The tables that every decoder knows, described as a block would, by `TableKind` of the parser. */
export const STOCK_TABLES = [
  Buffer.from('5110638c31c618630c21c4186366668646920400', 'hex'),
  Buffer.from('2084104266464444444424490200', 'hex'),
  Buffer.from('2114c418638c2184104208218410420821444444444444444424090000', 'hex'),
] as const;

/** A tree of two symbols, for where none is needed. */
const ANY_TREE = Buffer.from('8010', 'hex');
const DICTIONARY_MAGIC = 0xec30a437;

/** A table in force: its description, or that there is none or a stock one, or that it is of one code. */
export type Table = Uint8Array | 'stock' | 'one code';

/** The offsets that the next sequence can repeat. */
export type Repeats = readonly [number, number, number];

/** What the next block can take over from the blocks before it. */
export interface Tables {
  readonly tree: Uint8Array | undefined;
  /** By `TableKind`. */
  readonly sequences: readonly Table[];
}

export const NO_TABLES: Tables = { tree: undefined, sequences: ['stock', 'stock', 'stock'] };

/**
 * What a dictionary (RFC 8878, 5) has before its content, so that a frame begins with these tables and
 * offsets:
 *
 *     u32 magic ec30a437, u32 number of the dictionary (0: frames do not ask for it)
 *     descriptions of the Huffman tree, and of the tables for offsets, match lengths and literal lengths
 *     u32 × 3 offsets to repeat
 *
 * A table of one code cannot be told: its description would take bits for the first state where it takes
 * none. It must not be needed; a stock one stands in for it.
 */
export function encodeDictionaryHead({ tree, sequences }: Tables, repeats: Repeats): Buffer {
  const [literals, offsets, matches] = STOCK_TABLES.map((stock, kind) => {
    const table = sequences[kind]!;
    return typeof table === 'string' ? stock : table;
  });
  const numbers = Buffer.alloc(20);
  numbers.writeUInt32LE(DICTIONARY_MAGIC);
  for (const [index, offset] of repeats.entries()) numbers.writeUInt32LE(offset, 8 + 4 * index);
  return Buffer.concat([
    numbers.subarray(0, 8),
    ...[tree ?? ANY_TREE, offsets!, matches!, literals!],
    numbers.subarray(8),
  ]);
}
