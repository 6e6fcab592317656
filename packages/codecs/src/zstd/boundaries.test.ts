import { createHash } from 'node:crypto';
import { Boundaries, BufferSource } from '@vzdump-format/streams';
import { collect, overwriting, seededRandom } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { mixedBytes } from '../testing/bytes.js';
import { readSeekTable } from './seek-table.js';
import { zstd } from './zstd.js';

test('frames begin where they are told to, and where they are full', async () => {
  const plain = mixedBytes(100_000);
  for (const size of [1, 999, 100_000]) {
    const boundaries = new Boundaries();
    for (const position of [0, 10_000, 10_001, 95_000, 200_000]) boundaries.add(position);
    const compressed = await collect(zstd.compress({ boundaries })(overwriting(plain, size)));
    const { frames } = (await readSeekTable(new BufferSource(compressed)))!;
    expect(frames.map(({ contentSize }) => contentSize)).toEqual([10_000, 1, 84_999, 5000]);
  }
});

test('boundaries must ascend', () => {
  const boundaries = new Boundaries();
  boundaries.add(5);
  expect(() => boundaries.add(5)).toThrow(RangeError);
  expect(() => boundaries.add(Number.NaN)).toThrow(RangeError);
});

const CLUSTERS = (4 * 1024 ** 3) / 65536;
const CLUSTERS_IN_EXTENT = 59;
const clusterContents = Array.from({ length: 50 }, (_, seed) => mixedBytes(65536, seed));

/** A 4 GiB drive as VMA has it; each cluster has one of 50 contents, or is zero and not stored. */
async function* extents(clusters: Uint8Array, boundaries: Boundaries): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (let firstCluster = 0; firstCluster < CLUSTERS; firstCluster += CLUSTERS_IN_EXTENT) {
    const kinds = [...clusters.subarray(firstCluster, firstCluster + CLUSTERS_IN_EXTENT)];
    const data = kinds.filter((kind) => kind > 0).map((kind) => clusterContents[kind - 1]!);
    const header = Buffer.alloc(512, JSON.stringify({ firstCluster, kinds }).slice(0, 500));
    const extent = Buffer.concat([header, ...data]);
    // A rule that looks at the extent alone: what comes before makes no difference.
    if (extent.length > 256 * 1024 || firstCluster % (8 * CLUSTERS_IN_EXTENT) === 0) boundaries.add(position);
    yield extent;
    position += extent.length;
  }
}

/** The digests of the frames, by what each of them holds. */
async function packedFrames(clusters: Uint8Array): Promise<Map<string, string>> {
  const boundaries = new Boundaries();
  const chunks: Uint8Array[] = [];
  async function* tapped() {
    for await (const chunk of extents(clusters, boundaries)) {
      chunks.push(chunk);
      yield chunk;
    }
  }
  const compressed = await collect(zstd.compress({ level: 1, threads: 2, boundaries })(tapped()));
  const plain = Buffer.concat(chunks);
  const { frames } = (await readSeekTable(new BufferSource(compressed)))!;
  const digests = new Map<string, string>();
  let [at, position] = [0, 0];
  for (const { compressedSize, contentSize } of frames) {
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    digests.set(
      digest(plain.subarray(position, position + contentSize)),
      digest(compressed.subarray(at, at + compressedSize)),
    );
    at += compressedSize;
    position += contentSize;
  }
  return digests;
}

test('a 4 GiB image with 1 % of its clusters changed: frames without a change are the same', async () => {
  const random = seededRandom(11);
  const before = new Uint8Array(CLUSTERS);
  for (let start = 0; start < CLUSTERS; start += 1000) {
    const density = random(10) < 1 ? 90 : 1; // files lie together
    for (let at = start; at < Math.min(CLUSTERS, start + 1000); at++) {
      if (random(100) < density) before[at] = 1 + random(50);
    }
  }
  const after = Uint8Array.from(before);
  const stored = [...before.keys()].filter((cluster) => before[cluster] !== 0);
  for (let count = Math.floor(stored.length / 100); count > 0; count--) {
    after[stored[random(stored.length)]!] = 1 + random(50);
  }
  const [old, changed] = [await packedFrames(before), await packedFrames(after)];
  let same = 0;
  for (const [content, frame] of changed) {
    if (!old.has(content)) continue;
    expect(frame).toBe(old.get(content));
    same++;
  }
  // An extent of 59 clusters is left alone with a probability of 0.99^59 = 0.55, sparse ones more often.
  expect(same).toBeGreaterThan(0.55 * old.size);
  expect(changed.size).toBe(old.size);
});
