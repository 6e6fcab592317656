import { BufferSource, type ByteSource, owned } from '@vzdump-format/streams';
import { RecipeSource } from '@vzdump-format/test-vectors';
import { chunked, collect, lending, noise, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { CLUSTER_SIZE } from '../format.js';
import { unpackVma, verifyVma } from '../read/unpack.js';
import { CTIME, UUID } from '../testing/built-archive.js';
import { describeRecords, deviceHashes } from '../testing/records.js';
import { type PackVmaOptions, packVma } from './pack.js';
import { repackVma } from './repack.js';

const EXTENT_DATA = 58 * CLUSTER_SIZE;

function optionsFor(...sources: ByteSource[]): PackVmaOptions {
  return {
    drives: sources.map((source, index) => ({ name: `drive-${index}`, source })),
    uuid: UUID,
    ctime: CTIME,
  };
}

/** Noise here and there in 9 MiB, three extents. */
function someDrive(): Buffer {
  const content = Buffer.alloc(9 << 20);
  for (const at of [0, 100_000, EXTENT_DATA - 5, EXTENT_DATA + CLUSTER_SIZE, 8 << 20])
    noise(9000, at).copy(content, at);
  return content;
}

describe('a size that is not in sectors is rounded up, with zeros', () => {
  test.each([1, 511, 512, 513, 4095, 4097, 65535, 65537, 100_001])('%d bytes', async (size) => {
    const content = noise(size);
    const archive = await collect(packVma(optionsFor(new BufferSource(content))));
    const { header } = await verifyVma(chunked(archive, 'random'));
    const rounded = Math.ceil(size / 512) * 512;
    expect(header.devices).toEqual([{ id: 1, name: 'drive-0', size: rounded }]);
    const padded = Buffer.concat([content, Buffer.alloc(rounded - size)]);
    expect(await deviceHashes(unpackVma(chunked(archive, 65536)))).toEqual({ 1: sha256(padded) });
  });
});

describe('the same input gives the same bytes', () => {
  test('each time', async () => {
    const first = await collect(packVma(optionsFor(new BufferSource(someDrive()))));
    expect((await collect(packVma(optionsFor(new BufferSource(someDrive()))))).equals(first)).toBe(true);
  });

  test('in a few buffers that go round', async () => {
    const options = optionsFor(new BufferSource(someDrive()), new BufferSource(noise(5 << 20)));
    const kept = await collect(packVma(options));
    const buffers = new Set<ArrayBufferLike>();
    const parts: Buffer[] = [];
    for await (const chunk of packVma(options)) {
      if (parts.length > 0) buffers.add(chunk.buffer);
      parts.push(Buffer.from(chunk));
    }
    expect(Buffer.concat(parts).equals(kept)).toBe(true);
    expect(parts.length).toBe(1 + 3 + 2);
    expect(buffers.size).toBeLessThanOrEqual(3);
  });

  test('whatever the buffers held before', async () => {
    const holes = new RecipeSource({
      source_bytes: 12 << 20,
      segments: [{ offset: 5 << 20, length: 9, gen: 'byte', value: 7 }],
    });
    const options = optionsFor(new BufferSource(noise(12 << 20)), holes);
    const archive = await collect(packVma(options));
    const content = Buffer.alloc(12 << 20).fill(7, 5 << 20, (5 << 20) + 9);
    expect((await deviceHashes(unpackVma(chunked(archive, 1 << 20))))[2]).toBe(sha256(content));
  });
});

test('a uuid and the time are made up unless given', async () => {
  const headers = [];
  for (let count = 0; count < 2; count++) headers.push((await verifyVma(packVma({}))).header);
  expect(headers[0]!.uuid).not.toBe(headers[1]!.uuid);
  expect(headers[0]!.ctime).toBeGreaterThan(1_700_000_000n);
});

test('a chunk is as it was until the next is asked for', async () => {
  const pack = () =>
    packVma(optionsFor(new BufferSource(noise(5 * EXTENT_DATA)), new BufferSource(someDrive())));
  const whole = await collect(pack());
  expect((await collect(lending(pack()))).equals(whole)).toBe(true);
  const repacked = repackVma(lending(unpackVma(lending(pack()))));
  expect(await describeRecords(unpackVma(lending(repacked)))).toEqual(
    await describeRecords(unpackVma(pack())),
  );
});

test('chunks may be kept where they are owned', async () => {
  const content = noise(5 * EXTENT_DATA);
  const chunks = [];
  for await (const chunk of owned(packVma(optionsFor(new BufferSource(content))))) chunks.push(chunk);
  const hashes = await deviceHashes(unpackVma(chunked(Buffer.concat(chunks), 1 << 20)));
  expect(hashes).toEqual({ 1: sha256(content) });
});

test('progress counts all bytes of the drives, and those that were not stored', async () => {
  const seen: unknown[] = [];
  let zeros = 0;
  const sources = [new BufferSource(someDrive()), new BufferSource(Buffer.alloc(1000))];
  const archive = await collect(
    packVma({
      ...optionsFor(...sources),
      onZeros: (bytes) => {
        zeros = bytes;
      },
      onProgress: (bytes, total) => seen.push({ bytes, total }),
    }),
  );
  const total = (9 << 20) + 1024;
  const steps = [0, EXTENT_DATA, 2 * EXTENT_DATA, 9 << 20, total];
  expect(seen).toEqual(steps.map((bytes) => ({ bytes, total })));
  const stored = archive.length - 12800 - 4 * 512;
  expect(zeros).toBe(total - stored);
});

describe('ending early', () => {
  /** Counts the reads that are under way. */
  class CountingSource extends BufferSource {
    underWay = 0;
    reads = 0;

    override async read(buffer: Uint8Array, offset: number): Promise<number> {
      this.underWay++;
      this.reads++;
      await new Promise((resolve) => setImmediate(resolve));
      const got = await super.read(buffer, offset);
      this.underWay--;
      return got;
    }
  }

  test.each(['return', 'throw', 'abort'] as const)('by %s leaves no read under way', async (how) => {
    const source = new CountingSource(Buffer.alloc(40 << 20));
    const controller = new AbortController();
    const consume = async () => {
      let chunks = 0;
      for await (const _ of packVma({ ...optionsFor(source), signal: controller.signal })) {
        if (++chunks < 3) continue;
        if (how === 'return') return;
        if (how === 'throw') throw new Error('stop');
        controller.abort(new Error('stop'));
      }
    };
    if (how === 'return') await consume();
    else await expect(consume()).rejects.toThrow('stop');
    expect(source.underWay).toBe(0);
    expect(source.reads).toBeLessThan(8);
  });

  test('before it began: not even a header', async () => {
    const source = new CountingSource(noise(1000));
    const packing = packVma({ ...optionsFor(source), signal: AbortSignal.abort(new Error('stop')) });
    await expect(packing.next()).rejects.toThrow('stop');
    expect(source.reads).toBe(0);
  });
});

test('the source is left open: it is its owner’s to close', async () => {
  let closed = false;
  const source: ByteSource = Object.assign(new BufferSource(noise(1000)), {
    close: async () => {
      closed = true;
    },
  });
  await collect(packVma(optionsFor(source)));
  expect(closed).toBe(false);
});
