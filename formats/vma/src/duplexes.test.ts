import { getDefaultHighWaterMark, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BufferSource } from '@vzdump-format/streams';
import { chunked, collect, noise, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { createUnpackVma, unpackVma, type VmaRecord } from './read/unpack.js';
import { CTIME, UUID } from './testing/built-archive.js';
import { describeRecords } from './testing/records.js';
import { baseArchive, legalArchive } from './testing/vectors.js';
import { createPackVma, packVma } from './write/pack.js';
import { createRepackVma } from './write/repack.js';

function someDrive() {
  const drives = [{ name: 'drive-scsi0', source: new BufferSource(noise(20 << 20)) }];
  return { drives, uuid: UUID, ctime: CTIME };
}

/** Keeps all that is written to it. */
function sink(): { stream: Writable; bytes: () => Buffer } {
  const parts: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      parts.push(chunk);
      done();
    },
  });
  return { stream, bytes: () => Buffer.concat(parts) };
}

describe('in a pipeline of Node streams', () => {
  test('createPackVma gives the bytes of packVma', async () => {
    const { stream, bytes } = sink();
    await pipeline(createPackVma({ ...someDrive() }), stream);
    expect(bytes().equals(await collect(packVma(someDrive())))).toBe(true);
  });

  test('each is in byte mode, with the ordinary high-water mark, where bytes are', () => {
    const ordinary = getDefaultHighWaterMark(false);
    const readable = { readableObjectMode: false, readableHighWaterMark: ordinary };
    expect(createPackVma(someDrive())).toMatchObject(readable);
    expect(createRepackVma()).toMatchObject(readable);
    expect(createUnpackVma()).toMatchObject({ writableObjectMode: false, writableHighWaterMark: ordinary });
  });

  test('createUnpackVma and createRepackVma', async () => {
    const { bytes: archive } = legalArchive('two-drives-two-configs');
    const { stream, bytes } = sink();
    await pipeline(overwriting(archive, 4097), createUnpackVma(), createRepackVma(), stream);
    expect(bytes().equals(archive)).toBe(true);
  });

  test('the records of createUnpackVma', async () => {
    const { bytes } = legalArchive('out-of-order');
    const records: VmaRecord[] = [];
    await pipeline(overwriting(bytes, 1000), createUnpackVma(), async (all) => {
      for await (const record of all as AsyncIterable<VmaRecord>) records.push(record);
    });
    expect(await describeRecords(Readable.from(records))).toEqual(
      await describeRecords(unpackVma(chunked(bytes, 65536))),
    );
  });

  test('the generators themselves are stages', async () => {
    const { stream, bytes } = sink();
    const { bytes: archive } = legalArchive('plain');
    await pipeline(
      chunked(archive, 512),
      (source: AsyncIterable<Uint8Array>) => unpackVma(source),
      createRepackVma(),
      stream,
    );
    expect(bytes().length).toBe(archive.length);
  });
});

describe('errors are passed on', () => {
  test('of a bad archive', async () => {
    const bad = Readable.from(chunked(baseArchive('base').subarray(0, 50_000), 4096));
    await expect(pipeline(bad, createUnpackVma(), createRepackVma(), sink().stream)).rejects.toMatchObject({
      name: 'ArchiveError',
      code: 'VMA_TRUNCATED',
    });
    expect(bad.destroyed).toBe(true);
  });

  test('of what is no archive', async () => {
    const noArchive = Readable.from(chunked(noise(1_000_000), 4096));
    await expect(pipeline(noArchive, createUnpackVma(), sink().stream)).rejects.toMatchObject({
      code: 'VMA_MAGIC',
    });
  });

  test('of options that cannot be', async () => {
    await expect(pipeline(createPackVma({ uuid: 'none' }), sink().stream)).rejects.toMatchObject({
      code: 'VMA_UUID',
    });
  });

  test('of the stream before', async () => {
    const failing = new Readable({
      read() {
        this.destroy(new Error('the disk is gone'));
      },
    });
    await expect(pipeline(failing, createUnpackVma(), sink().stream)).rejects.toThrow('the disk is gone');
  });

  test('of the stream behind, and the source is let go', async () => {
    const source = Readable.from(chunked(baseArchive('multi'), 512));
    const full = new Writable({
      objectMode: true,
      write: (_chunk, _encoding, done) => done(new Error('no space')),
    });
    await expect(pipeline(source, createUnpackVma(), full)).rejects.toThrow('no space');
    expect(source.destroyed).toBe(true);
  });

  test('of an abort', async () => {
    const controller = new AbortController();
    const slow = new Writable({ write: () => controller.abort() });
    const packing = createPackVma(someDrive());
    await expect(pipeline(packing, slow, { signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(packing.destroyed).toBe(true);
  });
});
