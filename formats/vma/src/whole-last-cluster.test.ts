import { BufferSource, readChunks } from '@vzdump-format/streams';
import { chunked, collect, noise } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { BLOCK_SIZE, BLOCKS_PER_CLUSTER, CLUSTER_SIZE, storedBlocks } from './format.js';
import { streamDrive } from './read/drive-stream.js';
import { openVma } from './read/random-access.js';
import { unpackVma, type VmaRecord, verifyVma } from './read/unpack.js';
import { type BuiltCluster, builtArchive, headerOf } from './testing/built-archive.js';
import { repackVma } from './write/repack.js';

/**
 * One sector, a block, a block and a sector, all but one block, all but a sector; alone and behind another
 * cluster.
 */
const SIZES = [512, 4096, 4608, 61440, 65024, 65536 + 512, 65536 + 12800];
const NAMES = ['drive-scsi0', 'vmstate'];
const CASES = SIZES.flatMap((size) => NAMES.map((name) => [name, size] as const));

/** A drive whose clusters are all stored whole, and one that follows in the same extent. */
function archiveOf(name: string, size: number, lastMask = 0xffff) {
  const count = Math.ceil(size / CLUSTER_SIZE);
  const stored = noise(count * CLUSTER_SIZE);
  const other = noise(2 * BLOCK_SIZE);
  const devices = [
    { id: 1, name, size },
    { id: 2, name: 'drive-virtio0', size: other.length },
  ];
  const clusters = Array.from({ length: count }, (_, cluster): BuiltCluster => {
    const mask = cluster === count - 1 ? lastMask : 0xffff;
    const start = cluster * CLUSTER_SIZE;
    const data = stored.subarray(start, start + storedBlocks(mask) * BLOCK_SIZE);
    return { deviceId: 1, cluster, mask, data };
  });
  const last = { deviceId: 2, cluster: 0, mask: 3, data: other };
  const bytes = builtArchive(headerOf(devices), [[...clusters, last]]);
  return { bytes, contents: [stored.subarray(0, size), other] };
}

/** The drives as records cover them: whole, once, and nothing past their ends. */
async function contentsOf(records: AsyncIterable<VmaRecord>): Promise<Buffer[]> {
  const contents: Buffer[] = [];
  let covered = 0;
  for await (const record of records) {
    if (record.kind === 'header') {
      for (const { size } of record.header.devices) contents.push(Buffer.alloc(size));
    } else if (record.kind === 'data') {
      expect(record.data.length).toBeGreaterThan(0);
      contents[record.device.id - 1]!.set(record.data, record.offset);
      covered += record.data.length;
    }
  }
  expect(covered).toBe(contents.reduce((sum, { length }) => sum + length, 0));
  return contents;
}

test.each(CASES)('%s of %i bytes: what is stored past the end is cut', async (name, size) => {
  const { bytes, contents } = archiveOf(name, size);
  for (const chunkSize of [511, 4096, 65536, bytes.length]) {
    expectSame(await contentsOf(unpackVma(chunked(bytes, chunkSize))), contents);
  }
  await verifyVma(chunked(bytes, 65536));
  const opened = await openVma(new BufferSource(bytes));
  for (const [index, content] of contents.entries()) {
    const id = String(index + 1);
    expect((await collect(streamDrive(chunked(bytes, 65536), id))).equals(content)).toBe(true);
    const drive = opened.device(id);
    expect((await collect(readChunks(drive, { chunkSize: 4096 }))).equals(content)).toBe(true);
    expect(await drive.nextData!(content.length - 1)).toEqual({
      ...{ start: content.length - 1, end: content.length },
    });
    expect(await drive.nextData!(content.length)).toBeUndefined();
  }
  const repacked = await collect(repackVma(unpackVma(chunked(bytes, 65536))));
  expectSame(await contentsOf(unpackVma(chunked(repacked, 65536))), contents);
  expect(repacked.length).toBe(bytes.length - blocksPast(size) * BLOCK_SIZE);
});

test.each(SIZES.filter((size) => blocksPast(size) > 0))(
  'of %i bytes: any other block past the end is refused',
  async (size) => {
    const firstPast = BLOCKS_PER_CLUSTER - blocksPast(size);
    for (const mask of [0xfffe, 0x8000, 1 << firstPast, 0xffff & ~(1 << (firstPast - 1))]) {
      const { bytes } = archiveOf('drive-scsi0', size, mask);
      const refused = { code: 'VMA_CLUSTER_RANGE', entry: 'drive-scsi0' };
      await expect(verifyVma(chunked(bytes, 65536))).rejects.toMatchObject(refused);
      await expect(openVma(new BufferSource(bytes))).rejects.toMatchObject(refused);
    }
  },
);

/** Of the last cluster. */
function blocksPast(size: number): number {
  return Math.floor((Math.ceil(size / CLUSTER_SIZE) * CLUSTER_SIZE - size) / BLOCK_SIZE);
}

function expectSame(found: readonly Buffer[], wanted: readonly Buffer[]): void {
  expect(found.map((content, index) => content.equals(wanted[index]!))).toEqual(wanted.map(() => true));
}
