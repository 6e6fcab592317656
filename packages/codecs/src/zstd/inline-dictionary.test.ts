import { describe, expect, test } from 'vitest';
import { sharedMemory } from '../shared-memory.js';
import { randomBytes } from '../testing/bytes.js';
import { bitStream, compressedBlock, handMadeFrame, rawBlock } from '../testing/zstd-frames.js';
import { encodeDictionaryHead, type Repeats, STOCK_TABLES } from './checkpoints/dictionary.js';
import { loadEngine, ZSTD_ENGINES } from './engines.js';
import { DESCRIBED, type Inherited, inlineState, ONE_CODE, readDictionary } from './inline-dictionary.js';
import { loadNodeEngine } from './libraries/node-engine.js';
import { fseTable, readDistribution } from './plain/fse.js';

const HERE = ZSTD_ENGINES.filter((name) => name !== 'node' || process.versions.zstd !== undefined);
const content = randomBytes(100_000);
const repeats: Repeats = [70_001, 70_002, 9];
const TREE = Buffer.from('8010', 'hex');
/** The match is 3 long, at the first offset that can be repeated, and behind two literals. */
const CODES = [2, 0, 0];
const LOGS = [6, 5, 6];

type Source = 'one code' | 'described' | 'repeats one code' | 'repeats a description';
const SOURCES: readonly Source[] = ['one code', 'described', 'repeats one code', 'repeats a description'];
const MODES = { 'one code': 1, described: 2, 'repeats one code': 3, 'repeats a description': 3 } as const;

const oneCode = (kind: number) => Buffer.of(CODES[kind]!);
const description = (source: Source, kind: number) =>
  source === 'one code' ? oneCode(kind) : source === 'described' ? STOCK_TABLES[kind]! : Buffer.alloc(0);

/** A state of the stock table that stands for the code. */
function stateOf(kind: number): number {
  const stock = STOCK_TABLES[kind]!;
  const { symbols } = fseTable(readDistribution(stock, 0, stock.length, { maxLog: 9, maxSymbol: 52 }));
  return symbols.indexOf(CODES[kind]!);
}

/** A block with one sequence, whose tables come from there. */
function sequenceBlock(sources: readonly Source[]): Buffer {
  const modes = sources.reduce((all, source, kind) => all | (MODES[source] << (6 - 2 * kind)), 0);
  const states = sources.map((source, kind) =>
    source.includes('one') ? ([0, 0] as const) : ([stateOf(kind), LOGS[kind]!] as const),
  );
  const parts = [Buffer.of(2 << 3, 7, 8, 1, modes), ...sources.map(description), bitStream(...states)];
  return compressedBlock(Buffer.concat(parts));
}

/** A frame that begins within another one. */
function spanOf(blocks: readonly Buffer[], contentSize: number): Buffer {
  return handMadeFrame(blocks, { windowExponent: 7, contentSize });
}

function inherited(sources: readonly Source[]): Inherited {
  const tables = sources.map((source, kind) =>
    source.includes('one')
      ? { mode: ONE_CODE, description: oneCode(kind) }
      : { mode: DESCRIBED, description: STOCK_TABLES[kind]! },
  ) as Inherited['tables'];
  return { tree: TREE, tables, repeats, content };
}

async function decode(
  engine: (typeof ZSTD_ENGINES)[number],
  frame: Uint8Array,
  size: number,
): Promise<Buffer> {
  const loaded = await loadEngine(engine);
  const decompressor = loaded.frameDecompressor({ threads: 1, signal: undefined, maxWindowLog: 27 });
  const buffer = sharedMemory(frame.length);
  buffer.set(frame);
  const piece = { buffer, length: frame.length, output: sharedMemory(size), first: true, last: true };
  const { output, length } = await decompressor.decompress(piece);
  decompressor.close();
  return Buffer.from(output.subarray(0, length));
}

describe.each(HERE)('without a dictionary, by %s', (engine) => {
  const expectInlined = async (frame: Buffer, from: Inherited, expected: Buffer) => {
    const inlined = inlineState(frame, from)!;
    const all = await decode(engine, inlined.frame, inlined.prefixSize + expected.length);
    expect(all.subarray(inlined.prefixSize - content.length, inlined.prefixSize).equals(content)).toBe(true);
    expect(all.subarray(inlined.prefixSize).equals(expected)).toBe(true);
  };

  test('each table that a block can begin with, from each source', async () => {
    const size = 1 + 5;
    const at = content.length + 3 - repeats[0];
    const match = content.subarray(at, at + 3);
    const expected = Buffer.concat([Buffer.of(9, 7, 8), match]);
    for (const literals of SOURCES) {
      for (const offsets of SOURCES) {
        for (const matches of SOURCES) {
          const sources = [literals, offsets, matches];
          const blocks = [rawBlock(Buffer.of(9)), sequenceBlock(sources)];
          await expectInlined(spanOf(blocks, size), inherited(sources), expected);
        }
      }
    }
  });

  test('each offset that can be repeated', async () => {
    const sources: Source[] = ['one code', 'one code', 'one code'];
    for (const [code, bits] of [
      [0, []],
      [1, [[0, 1]]],
      [1, [[1, 1]]],
    ] as const) {
      const value = code === 0 ? 1 : 2 + bits[0]![0];
      const body = Buffer.concat([Buffer.of(1 << 3, 7, 1, 0x54, 1, code, 0), bitStream(...bits)]);
      const at = content.length + 1 - repeats[value - 1]!;
      const expected = Buffer.concat([Buffer.of(7), content.subarray(at, at + 3)]);
      await expectInlined(spanOf([compressedBlock(body)], 4), inherited(sources), expected);
    }
  });

  test('literals by the tree before, in one stream and in four, of any size', async () => {
    for (const [count, streams] of [
      [9, 1],
      [1000, 1],
      [1000, 4],
      [16_380, 4],
      [16_384, 4],
      [100_000, 4],
    ] as const) {
      const part = Math.ceil(count / streams);
      const sizes = Array.from({ length: streams }, (_, index) => Math.min(part, count - index * part));
      const bits = sizes.map((size) => Array.from({ length: size }, (_, index) => index % 3 === 0));
      // A stream is read from its end; of the tree, a one is the code of the second symbol.
      const stored = bits.map((one) => streamOf(one));
      const jumps = stored.slice(0, -1).map(({ length }) => Buffer.of(length & 255, length >> 8));
      const packed = Buffer.concat([...jumps, ...stored]);
      const largest = Math.max(count, packed.length);
      const format = streams === 1 ? 0 : largest < 1024 ? 1 : largest < 16_384 ? 2 : 3;
      const header = Buffer.alloc([3, 3, 4, 5][format]!);
      const width = [10, 10, 14, 18][format]!;
      header.writeUIntLE(3 + format * 4 + count * 16 + packed.length * 2 ** (4 + width), 0, header.length);
      const block = compressedBlock(Buffer.concat([header, packed, Buffer.of(0)]));
      const expected = Buffer.from(bits.flat().map(Number));
      await expectInlined(
        spanOf([block], count),
        inherited(['one code', 'described', 'described']),
        expected,
      );
    }
  });
});

/** A bit for each. */
function streamOf(bits: readonly boolean[]): Buffer {
  const bytes = Buffer.alloc((bits.length >> 3) + 1);
  const set = (bit: number) => {
    bytes[bit >> 3]! |= 1 << (bit & 7);
  };
  set(bits.length);
  for (const [index, bit] of bits.entries()) if (bit) set(bits.length - 1 - index);
  return bytes;
}

test('a dictionary is taken apart', () => {
  const tables = { tree: TREE, sequences: [STOCK_TABLES[0], 'one code', 'stock'] as const };
  const dictionary = Buffer.concat([encodeDictionaryHead(tables, repeats), content]);
  expect(readDictionary(dictionary)).toEqual({
    ...{ tree: TREE, repeats, content },
    tables: STOCK_TABLES.map((stock) => ({ mode: DESCRIBED, description: stock })),
  });
  expect(() => readDictionary(dictionary.subarray(0, 80))).toThrow();
});

test('one stream of literals that leaves no room for the tree, and a block that leaves none', () => {
  const literals = (count: number) => {
    const block = Buffer.alloc(3 + count + 1, 1);
    block.writeUIntLE(3 + count * 16 + count * 2 ** 14, 0, 3);
    block[3 + count] = 0;
    return compressedBlock(block);
  };
  const from = inherited(['one code', 'one code', 'one code']);
  const long = spanOf([literals(1000)], 1000);
  expect(inlineState(long, { ...from, tree: Buffer.alloc(129, 1) })).toBeUndefined();
  const narrow = { windowExponent: 0, contentSize: 1020 };
  expect(inlineState(handMadeFrame([literals(1018)], narrow), from)).toBeDefined();
  expect(inlineState(handMadeFrame([literals(1019)], narrow), from)).toBeUndefined();
});

test.skipIf(process.versions.zstd === undefined)('node:zlib that takes no dictionaries', async () => {
  const { frameDecompressor } = await loadNodeEngine(false);
  const decompressor = frameDecompressor({ threads: 1, signal: undefined, maxWindowLog: 27 });
  const sources: Source[] = ['repeats a description', 'repeats a description', 'repeats a description'];
  const frame = spanOf([sequenceBlock(sources)], 5);
  const head = encodeDictionaryHead({ tree: TREE, sequences: STOCK_TABLES }, repeats);
  const [buffer, dictionary] = [sharedMemory(frame.length), sharedMemory(head.length + content.length)];
  buffer.set(frame);
  dictionary.set(head);
  dictionary.set(content, head.length);
  const piece = {
    buffer,
    length: frame.length,
    output: sharedMemory(5),
    first: true,
    last: true,
    dictionary,
  };
  const { output, length } = await decompressor.decompress(piece);
  const at = content.length + 2 - repeats[0];
  expect(Buffer.from(output.subarray(0, length))).toEqual(
    Buffer.concat([Buffer.of(7, 8), content.subarray(at, at + 3)]),
  );
  decompressor.close();
});
