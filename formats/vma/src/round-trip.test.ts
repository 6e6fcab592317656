import { BufferSource, type ByteSource } from '@vzdump-format/streams';
import { chunked, collect, noise } from '@vzdump-format/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openVma } from './read/random-access.js';
import { unpackVma, type VmaRecord } from './read/unpack.js';
import { CTIME, UUID } from './testing/built-archive.js';
import { packVma } from './write/pack.js';
import { repackVma } from './write/repack.js';

const BLOCK = 4096;

/** A drive made of a few stretches of blocks: zeros, data, or data after a zero word, and an odd tail. */
const drive = fc
  .record({
    stretches: fc.array(
      fc.record({
        kind: fc.constantFrom('zeros', 'data', 'late'),
        blocks: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(15, 16, 17, 58 * 16, 59 * 16)),
        seed: fc.integer({ min: 1, max: 1000 }),
      }),
      { maxLength: 6 },
    ),
    tail: fc.integer({ min: 1, max: 5000 }),
    tailIsData: fc.boolean(),
  })
  .map(({ stretches, tail, tailIsData }) => {
    const parts = stretches.map(({ kind, blocks, seed }) => {
      const part = Buffer.alloc(blocks * BLOCK);
      for (let block = 0; block < blocks; block++) {
        if (kind === 'data') part.fill(1 + ((seed + block) % 255), block * BLOCK, (block + 1) * BLOCK);
        if (kind === 'late') part[(block + 1) * BLOCK - 1 - (seed % 4000)] = 1;
      }
      return part;
    });
    return Buffer.concat([...parts, tailIsData ? noise(tail) : Buffer.alloc(tail)]);
  });

const config = fc.record({
  name: fc.string({ minLength: 1, maxLength: 300, unit: 'binary' }).filter((name) => !name.includes('\0')),
  data: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
});

const archive = fc.record({
  drives: fc.array(drive, { maxLength: 3 }),
  configs: fc.uniqueArray(config, { maxLength: 4, selector: ({ name }) => name }),
});

function pack(
  contents: readonly Buffer[],
  configs: readonly { name: string; data: Buffer }[],
): Promise<Buffer> {
  const drives = contents.map((content, index) => ({
    name: `drive-${index}`,
    source: new BufferSource(content),
  }));
  return collect(packVma({ drives, configs, uuid: UUID, ctime: CTIME }));
}

/** The drives as an archive gives them back, laid over 0xee, so that what is left out shows. */
async function contentsOf(records: AsyncIterable<VmaRecord>): Promise<Buffer[]> {
  const contents: Buffer[] = [];
  for await (const record of records) {
    if (record.kind === 'header')
      contents.push(...record.header.devices.map(({ size }) => Buffer.alloc(size, 0xee)));
    else if (record.kind === 'data') contents[record.device.id - 1]!.set(record.data, record.offset);
    else contents[record.device.id - 1]!.fill(0, record.offset, record.offset + record.length);
  }
  return contents;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function sameContents(unpacked: readonly Buffer[], packed: readonly Buffer[]): boolean {
  return (
    unpacked.length === packed.length &&
    unpacked.every((content, index) => content.equals(padded(packed[index]!)))
  );
}

async function readAll(source: ByteSource): Promise<Buffer> {
  const content = Buffer.alloc(source.size, 0xee);
  expect(await source.read(content, 0)).toBe(content.length);
  return content;
}

test('what is unpacked is what was packed, in one pass and at random', async () => {
  await fc.assert(
    fc.asyncProperty(archive, async ({ drives, configs }) => {
      const bytes = await pack(drives, configs);
      const unpacked = await contentsOf(unpackVma(chunked(bytes, 'random')));
      expect(sameContents(unpacked, drives)).toBe(true);
      const opened = await openVma(new BufferSource(bytes));
      expect(opened.header.configs).toEqual(configs);
      for (const [index, content] of drives.entries()) {
        expect((await readAll(opened.device(`drive-${index}`))).equals(padded(content))).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test('what is repacked is what was unpacked, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(drive, { maxLength: 1 }),
      fc.uniqueArray(config, { maxLength: 2, selector: ({ name }) => name }),
      async (drives, configs) => {
        const bytes = await pack(drives, configs);
        const again = await collect(repackVma(unpackVma(chunked(bytes, 'random'))));
        expect(again.equals(bytes)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

test('with several drives, what is repacked holds the same', async () => {
  await fc.assert(
    fc.asyncProperty(archive, async ({ drives, configs }) => {
      const again = await collect(repackVma(unpackVma(chunked(await pack(drives, configs), 4096))));
      const unpacked = await contentsOf(unpackVma(chunked(again, 65536)));
      expect(sameContents(unpacked, drives)).toBe(true);
      const third = await collect(repackVma(unpackVma(chunked(again, 65536))));
      expect(third.equals(again)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('an archive of an archive', async () => {
  const inner = await pack([noise(300_000)], []);
  const outer = await pack([inner], []);
  const [content] = await contentsOf(unpackVma(chunked(outer, 65536)));
  expect(content!.equals(inner)).toBe(true);
});
