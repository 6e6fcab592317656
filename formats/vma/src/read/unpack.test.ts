import { CHUNK_SIZES, chunked, noise, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { readVmaHeader } from '../header.js';
import { builtArchive, headerOf } from '../testing/built-archive.js';
import { describeRecords } from '../testing/records.js';
import { baseArchive, legalArchive, legalArchives } from '../testing/vectors.js';
import { unpackVma, type VmaRecord } from './unpack.js';

/** To cut more than this into single bytes takes too long. */
const MOST_SINGLE_BYTES = 300_000;

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collectRecords(archive: AsyncIterable<Uint8Array>): Promise<VmaRecord[]> {
  const records: VmaRecord[] = [];
  for await (const record of unpackVma(archive)) records.push(record);
  return records;
}

describe.each(legalArchives())('$name', ({ bytes }) => {
  const sizes = CHUNK_SIZES.filter((size) => size !== 1 || bytes.length <= MOST_SINGLE_BYTES);

  test.each(sizes)('in chunks of %s, in one buffer that is overwritten, it holds the same', async (size) => {
    const expected = await describeRecords(unpackVma(inOnePiece(bytes)));
    expect(await describeRecords(unpackVma(overwriting(bytes, size)))).toEqual(expected);
  });
});

test('records may be kept when chunks may', async () => {
  const { bytes } = legalArchive('two-drives-two-configs');
  const kept = await collectRecords(chunked(bytes, 4097));
  const expected = await describeRecords(unpackVma(inOnePiece(bytes)));
  expect(
    await describeRecords(
      (async function* () {
        yield* kept;
      })(),
    ),
  ).toEqual(expected);
});

test('data is sliced, not copied, where a chunk holds it', async () => {
  const { bytes } = legalArchive('plain');
  for await (const record of unpackVma(inOnePiece(bytes))) {
    if (record.kind === 'data') expect(record.data.buffer).toBe(bytes.buffer);
  }
});

test('runs cover each device once, are never empty, and end where it does', async () => {
  for (const { bytes } of legalArchives()) {
    const left = new Map<number, number>();
    for await (const record of unpackVma(chunked(bytes, 'random'))) {
      if (record.kind === 'header') {
        for (const device of record.header.devices) left.set(device.id, device.size);
      } else {
        const length = record.kind === 'data' ? record.data.length : record.length;
        expect(length).toBeGreaterThan(0);
        expect(record.offset + length).toBeLessThanOrEqual(record.device.size);
        left.set(record.device.id, left.get(record.device.id)! - length);
      }
    }
    expect([...left.values()].every((bytesLeft) => bytesLeft === 0)).toBe(true);
  }
});

test('the header alone can be read, and no more is asked for', async () => {
  const asked: number[] = [];
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      const archive = baseArchive('base');
      for (let at = 0; at < archive.length; at += 4096) {
        asked.push(at);
        yield archive.subarray(at, at + 4096);
      }
    } finally {
      closed = true;
    }
  }
  const header = await readVmaHeader(source());
  expect(header.devices.map(({ name }) => name)).toEqual(['drive-scsi0', 'drive-efidisk0']);
  expect(asked).toEqual([0, 4096, 8192, 12288]);
  expect(closed).toBe(true);
});

test.each(['returns', 'throws', 'finds an error'])('the source is closed when the reader %s', async (how) => {
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunked(how === 'finds an error' ? noise(20_000) : baseArchive('base'), 4096);
    } finally {
      closed = true;
    }
  }
  const read = async () => {
    for await (const record of unpackVma(source())) {
      if (record.kind === 'data' && how === 'returns') return;
      if (record.kind === 'data') throw new Error('enough');
    }
  };
  if (how === 'returns') await read();
  else await expect(read()).rejects.toThrow(how === 'throws' ? 'enough' : 'not a VMA archive');
  expect(closed).toBe(true);
});

test('an error of the source passes through as it is', async () => {
  const failure = new Error('the network is down');
  async function* source(): AsyncGenerator<Uint8Array> {
    yield baseArchive('base').subarray(0, 20_000);
    throw failure;
  }
  await expect(collectRecords(source())).rejects.toBe(failure);
});

test('an abort ends it with its reason', async () => {
  const controller = new AbortController();
  const read = async () => {
    for await (const record of unpackVma(chunked(baseArchive('multi'), 4096), {
      signal: controller.signal,
    })) {
      if (record.kind === 'data') controller.abort(new Error('stop'));
    }
  };
  await expect(read()).rejects.toThrow('stop');
});

test('clusters with numbers above 2^31 are read', async () => {
  const size = 2 ** 48;
  const last = 2 ** 32 - 1;
  const data = noise(4096);
  const archive = builtArchive(headerOf([{ id: 1, name: 'huge', size }]), [
    [{ deviceId: 1, cluster: last, mask: 0x8000, data }],
  ]);
  const runs: string[] = [];
  const read = async () => {
    for await (const record of unpackVma(chunked(archive, 65536))) {
      if (record.kind !== 'header') runs.push(`${record.kind} ${record.offset}`);
    }
  };
  await expect(read()).rejects.toMatchObject({
    code: 'VMA_MISSING_CLUSTERS',
    message: `huge: ${last} of ${last + 1} clusters are missing, the first is 0; the archive ends (at byte ${archive.length})`,
  });
  expect(runs).toEqual([`zeros ${size - 65536}`, `data ${size - 4096}`]);
});
