import { chunked, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { HEADER_TABLE_SIZE, MAX_HEADER_SIZE, OFFSET } from './format.js';
import { encodeHeader, readVmaHeader } from './header.js';
import { verifyVma } from './read/unpack.js';
import { builtExtent, headerOf, repairHeaderChecksum } from './testing/built-archive.js';

/** Archives whose author wants memory or time of us. Each must end by itself, in an error or in a result. */

const PAGE_CLUSTERS = 32768;

describe('a header as large as may be', () => {
  /**
   * All of it but the table is blob buffer, filled by `fill`, with every pointer of the table at its first
   * blob.
   */
  function hugeHeader(fill: (blobs: Buffer) => void): Buffer {
    const header = Buffer.alloc(MAX_HEADER_SIZE);
    encodeHeader(headerOf([])).copy(header, 0, 0, HEADER_TABLE_SIZE);
    header.writeUInt32BE(MAX_HEADER_SIZE, OFFSET.headerSize);
    header.writeUInt32BE(MAX_HEADER_SIZE - HEADER_TABLE_SIZE, OFFSET.blobBufferSize);
    for (let index = 0; index < 256; index++) {
      header.writeUInt32BE(1, OFFSET.configNames + 4 * index);
      header.writeUInt32BE(1, OFFSET.configData + 4 * index);
    }
    fill(header.subarray(HEADER_TABLE_SIZE));
    return repairHeaderChecksum(header);
  }

  test('with 33 million empty blobs', async () => {
    const header = hugeHeader((blobs) => blobs.fill(0));
    await expect(readVmaHeader(chunked(header, 1 << 20))).rejects.toMatchObject({ code: 'VMA_BLOB' });
  });

  test('with 256 names of 64 KiB that are not UTF-8', async () => {
    const header = hugeHeader((blobs) => {
      blobs.fill(0x80);
      blobs.writeUInt16LE(65535, 1);
      blobs[2 + 65535] = 0;
    });
    const { configs } = await readVmaHeader(chunked(header, 1 << 20));
    expect(configs).toHaveLength(256);
    expect(configs[255]!.name).toBe('\udc80'.repeat(65534));
  });
});

test('a claimed size is no reason to set memory aside', async () => {
  const header = encodeHeader(headerOf([]));
  header.writeUInt32BE(MAX_HEADER_SIZE, OFFSET.headerSize);
  const before = process.memoryUsage().arrayBuffers;
  await expect(readVmaHeader(chunked(header, 4096))).rejects.toMatchObject({
    code: 'VMA_TRUNCATED',
    offset: header.length,
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX_HEADER_SIZE / 4);
});

test('254 devices of 256 TiB that are not there', async () => {
  const devices = Array.from({ length: 254 }, (_, index) => ({
    id: index + 1,
    name: `d${index}`,
    size: 2 ** 48,
  }));
  const archive = Buffer.concat([encodeHeader(headerOf(devices)), builtExtent([])]);
  await expect(verifyVma(chunked(archive, 65536))).rejects.toMatchObject({
    code: 'VMA_MISSING_CLUSTERS',
    entry: 'd0',
  });
});

test('clusters strewn so widely that to count them takes too much memory', async () => {
  let extents = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    const devices = Array.from({ length: 254 }, (_, index) => ({
      id: index + 1,
      name: `d${index}`,
      size: 2 ** 48,
    }));
    yield encodeHeader(headerOf(devices));
    for (let cluster = 0; ; ) {
      const infos = [];
      for (let slot = 0; slot < 59; slot++, cluster += PAGE_CLUSTERS) {
        const deviceId = 1 + Math.floor(cluster / 2 ** 32);
        infos.push({ deviceId, cluster: cluster % 2 ** 32, mask: 0 });
      }
      extents++;
      yield builtExtent(infos);
    }
  }
  await expect(verifyVma(endless())).rejects.toMatchObject({ code: 'VMA_LIMIT' });
  expect(extents).toBe(Math.ceil(16385 / 59));
});

test('an archive of empty extents is passed over, and holds nothing', async () => {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield encodeHeader(headerOf([]));
    const extent = builtExtent([]);
    for (let index = 0; index < 20_000; index++) yield extent;
  }
  expect((await verifyVma(source())).header.devices).toEqual([]);
});

test('what names do in an error cannot be told from what we say, and is one line', async () => {
  const name = `\u001b[2Jdrive\nall is well\u202e${'x'.repeat(60_000)}`;
  const archive = encodeHeader(headerOf([{ id: 1, name, size: 65536 }]));
  const error: unknown = await verifyVma(chunked(archive, 65536)).catch((reason: unknown) => reason);
  const { message, entry } = error as { message: string; entry: string };
  expect(entry).toBe(name);
  expect(message).toMatch(/^\\x1b\[2Jdrive\\x0aall is well\\u\{202e\}x+…: 1 of 1 clusters are missing/);
  expect(message.length).toBeLessThan(300);
});

test('bytes that are no archive at all', async () => {
  for (const bytes of [
    noise(100_000),
    Buffer.alloc(100_000),
    Buffer.from('VMAE'),
    Buffer.from('\x28\xb5\x2f\xfd'),
  ]) {
    await expect(verifyVma(chunked(bytes, 'random'))).rejects.toMatchObject({ code: 'VMA_MAGIC', offset: 0 });
  }
});
