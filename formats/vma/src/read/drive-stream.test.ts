import { readdir } from 'node:fs/promises';
import { chunked, collect, noise, overwriting, sha256, useTemporaryDirectory } from '@vzdump-format/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type BuiltCluster, builtArchive, clustersOf, headerOf } from '../testing/built-archive.js';
import { openFiles } from '../testing/files.js';
import { baseArchive, legalArchive, legalArchives } from '../testing/vectors.js';
import { streamDrive } from './drive-stream.js';

const temporaryDirectory = useTemporaryDirectory();

let openBefore: number;

beforeEach(async () => {
  vi.stubEnv('TMPDIR', temporaryDirectory());
  openBefore = await openFiles();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  expect(await readdir(temporaryDirectory())).toEqual([]);
  expect(await openFiles()).toBe(openBefore);
});

/** A drive with noise and zeros, and its clusters in an order of one's choice, in extents of 13. */
function archiveInOrder(order: (clusters: BuiltCluster[]) => BuiltCluster[]) {
  const device = { id: 1, name: 'drive-scsi0', size: 100 * 65536 + 1024 };
  const content = Buffer.alloc(device.size);
  for (let at = 0; at < device.size; at += 150_000) noise(40_000, at).copy(content, at);
  const clusters = order(clustersOf(device, content));
  const extents = [];
  for (let at = 0; at < clusters.length; at += 13) extents.push(clusters.slice(at, at + 13));
  return { content, archive: builtArchive(headerOf([device]), extents) };
}

const drives = legalArchives()
  .filter(({ name }) => name !== 'large-sparse-4g')
  .flatMap(({ name, bytes, hashes }) =>
    Object.entries(hashes).map(([id, hash]) => ({ name, bytes, id, hash })),
  );

test.each(drives)('$name: drive $id comes from its first byte to its last', async ({ bytes, id, hash }) => {
  expect(sha256(await collect(streamDrive(chunked(bytes, 'random'), id)))).toBe(hash);
});

describe('clusters in another order', () => {
  const orders = {
    'in order': (clusters: BuiltCluster[]) => clusters,
    reversed: (clusters: BuiltCluster[]) => clusters.toReversed(),
    'odd ones first': (clusters: BuiltCluster[]) => [
      ...clusters.filter(({ cluster }) => cluster % 2 === 1),
      ...clusters.filter(({ cluster }) => cluster % 2 === 0),
    ],
    'the first one last': ([first, ...others]: BuiltCluster[]) => [...others, first!],
    'the last one first': (clusters: BuiltCluster[]) => [clusters.at(-1)!, ...clusters.slice(0, -1)],
  };

  test.each(Object.entries(orders))('%s', async (_, order) => {
    const { archive, content } = archiveInOrder(order);
    for (const size of [7, 4097, 65536] as const) {
      expect((await collect(streamDrive(overwriting(archive, size), 'drive-scsi0'))).equals(content)).toBe(
        true,
      );
    }
  });

  test('what comes in its turn is passed on at once', async () => {
    const { archive } = archiveInOrder(orders['the last one first']);
    let asked = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunked(archive, 65536)) {
        asked += chunk.length;
        yield chunk;
      }
    }
    const stream = streamDrive(source(), '1');
    await stream.next();
    expect(asked).toBeLessThan(archive.length / 4);
    await stream.return(undefined);
  });
});

test('memory state', async () => {
  const { bytes, hashes } = legalArchive('vmstate');
  expect(Object.values(hashes)).toContain(
    sha256(await collect(streamDrive(chunked(bytes, 4096), 'vmstate'))),
  );
});

describe('no temporary file is left', () => {
  const { archive } = archiveInOrder((clusters) => clusters.toReversed());

  test('nor has it a name while it is used', async () => {
    for await (const chunk of streamDrive(chunked(archive, 65536), '1')) {
      expect(chunk.length).toBeGreaterThan(0);
      expect(await readdir(temporaryDirectory())).toEqual([]);
    }
  });

  test('when the consumer ends early', async () => {
    for await (const chunk of streamDrive(chunked(archive, 65536), '1')) {
      if (chunk.length > 0) break;
    }
  });

  test('when the archive is cut short', async () => {
    const stream = streamDrive(chunked(archive.subarray(0, -4096), 65536), '1');
    await expect(collect(stream)).rejects.toMatchObject({ code: 'VMA_TRUNCATED' });
  });

  test('when it is aborted', async () => {
    const controller = new AbortController();
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < archive.length; at += 65536) {
        if (at > archive.length / 2) controller.abort(new Error('stop'));
        yield archive.subarray(at, at + 65536);
      }
    }
    await expect(collect(streamDrive(source(), '1', { signal: controller.signal }))).rejects.toThrow('stop');
  });
});

test('a drive that is not there is an error before any of its bytes', async () => {
  await expect(streamDrive(chunked(baseArchive('base'), 4096), 'drive-ide2').next()).rejects.toMatchObject({
    code: 'VMA_NO_SUCH_DEVICE',
    hint: 'it has: drive-scsi0, drive-efidisk0',
  });
});

test('it does not end well before the whole archive has, though its drive is complete', async () => {
  const archive = Buffer.concat([baseArchive('base'), Buffer.alloc(512)]);
  await expect(collect(streamDrive(chunked(archive, 65536), '2'))).rejects.toMatchObject({
    code: 'VMA_TRAILING_DATA',
  });
});
