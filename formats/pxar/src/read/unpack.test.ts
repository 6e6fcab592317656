import { BufferSource } from '@vzdump-format/streams';
import { collect, noise, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { CountingSource, inOnePiece } from '../testing/bytes.js';
import { contentOf } from '../testing/listing.js';
import { directoryOf, entryOf, fileOf, pack, ROOT } from '../testing/packing.js';
import type { PxarEntry, PxarHeader } from './entry-reader.js';
import { unpackPxar } from './unpack.js';

const LARGE = noise(5_000_000);

function largeFile(path: string) {
  return entryOf({ path, type: 'file', content: LARGE });
}

/** A source that tells whether it was let go of. */
function closable(bytes: Uint8Array): { source: AsyncGenerator<Uint8Array>; isClosed: () => boolean } {
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* overwriting(bytes, 1000);
    } finally {
      closed = true;
    }
  }
  return { source: source(), isClosed: () => closed };
}

describe('content', () => {
  test('of a small file is one array, of a large one comes in pieces', async () => {
    const small = noise(64 * 1024);
    const entries = [ROOT, entryOf({ path: 'small', type: 'file', content: small }), largeFile('large')];
    const { archive } = await pack(entries);
    for await (const { path, content } of unpackPxar(overwriting(archive, 4096))) {
      if (path === 'small') expect(Buffer.from(content as Uint8Array).equals(small)).toBe(true);
      if (path !== 'large') continue;
      expect(content).not.toBeInstanceOf(Uint8Array);
      expect((await collect(content as AsyncIterable<Uint8Array>)).equals(LARGE)).toBe(true);
    }
  });

  test.each([{ split: false }, { split: true }])(
    'that is not read, or in part, is passed over: %o',
    async (options) => {
      const entries = [ROOT, largeFile('a'), largeFile('b'), fileOf('c', 'end')];
      const { archive, payload } = await pack(entries, options);
      let last: Uint8Array | undefined;
      for await (const entry of unpackPxar(overwriting(archive, 4096), {
        payload: payload && overwriting(payload, 4096),
      })) {
        if (entry.path === 'b') {
          for await (const chunk of entry.content as AsyncIterable<Uint8Array>) {
            expect(chunk.length).toBeGreaterThan(0);
            break;
          }
        }
        if (entry.path === 'c') last = await contentOf(entry);
      }
      expect(Buffer.from(last!).toString()).toBe('end');
    },
  );

  test('can be read once, before the next entry is asked for', async () => {
    const { archive } = await pack([ROOT, largeFile('a'), fileOf('b')]);
    const entries = unpackPxar(overwriting(archive, 4096));
    await entries.next();
    const { content } = (await entries.next()).value as PxarEntry;
    const iterator = (content as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await iterator.next();
    const gone = { code: 'PXAR_CONTENT_GONE', entry: 'a' };
    await expect(collect(content as AsyncIterable<Uint8Array>)).rejects.toMatchObject(gone);
    await entries.next();
    await expect(iterator.next()).rejects.toMatchObject(gone);
    await expect(collect(content as AsyncIterable<Uint8Array>)).rejects.toMatchObject(gone);
    await entries.return(undefined);
  });

  test.each([{ metadataOnly: false }, { metadataOnly: true }])(
    'of what is at rest is not read when nobody wants it: %o',
    async (options) => {
      const hole = entryOf({ path: 'hole', type: 'file', size: 40_000_000, extents: [] });
      const { archive } = await pack([
        ROOT,
        hole,
        directoryOf('d'),
        { ...hole, path: 'd/hole' },
        fileOf('z'),
      ]);
      const source = new CountingSource(archive);
      const paths: string[] = [];
      for await (const { path } of unpackPxar(source, options)) paths.push(path);
      expect(paths).toEqual(['', 'hole', 'd', 'd/hole', 'z']);
      expect(source.bytesRead).toBeLessThan(archive.length / 4);
    },
  );

  test('of a split archive at rest likewise', async () => {
    const hole = entryOf({ path: 'hole', type: 'file', size: 40_000_000, extents: [] });
    const { archive, payload } = await pack([ROOT, hole, fileOf('z', 'end')], { split: true });
    const source = new CountingSource(payload!);
    const found: PxarEntry[] = [];
    for await (const entry of unpackPxar(new BufferSource(archive), { payload: source })) found.push(entry);
    expect(Buffer.from(found[2]!.content as Uint8Array).toString()).toBe('end');
    expect(source.bytesRead).toBeLessThan(8 << 20);
  });
});

describe('the header', () => {
  async function headerOf(archive: Uint8Array): Promise<PxarHeader | undefined> {
    let header: PxarHeader | undefined;
    const entries = unpackPxar(inOnePiece(archive), {
      onHeader: (found) => {
        header = found;
      },
    });
    await entries.next();
    await entries.return(undefined);
    return header;
  }

  test('is told before the first entry', async () => {
    const prelude = Buffer.from('anything');
    expect(await headerOf((await pack([ROOT])).archive)).toEqual({ version: 1, prelude: undefined });
    expect(await headerOf((await pack([ROOT], { split: true })).archive)).toEqual({
      version: 2,
      prelude: undefined,
    });
    const withPrelude = await headerOf((await pack([ROOT], { split: true, prelude })).archive);
    expect(Buffer.from(withPrelude!.prelude!).toString()).toBe('anything');
  });
});

describe('whoever stops', () => {
  test.each([0, 1, 2])('after %i entries, lets go of the sources', async (count) => {
    const packed = await pack([ROOT, largeFile('a'), fileOf('b')], { split: true });
    const archive = closable(packed.archive);
    const payload = closable(packed.payload!);
    const entries = unpackPxar(archive.source, { payload: payload.source });
    for (let index = 0; index <= count; index++) await entries.next();
    await entries.return(undefined);
    expect(archive.isClosed()).toBe(true);
    expect(payload.isClosed()).toBe(true);
  });

  test('by a signal, gets its reason', async () => {
    const { archive } = await pack([ROOT, fileOf('a'), fileOf('b')]);
    const controller = new AbortController();
    const source = closable(archive);
    const entries = unpackPxar(source.source, { signal: controller.signal });
    await entries.next();
    controller.abort(new Error('enough'));
    await expect(entries.next()).rejects.toThrow('enough');
    expect(source.isClosed()).toBe(true);
    await expect(unpackPxar(inOnePiece(archive), { signal: controller.signal }).next()).rejects.toThrow(
      'enough',
    );
  });
});

test('an error of the source comes through', async () => {
  const { archive } = await pack([ROOT, largeFile('a')]);
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield archive.subarray(0, 1000);
    throw new Error('EIO');
  }
  const reading = (async () => {
    for await (const entry of unpackPxar(failing())) await contentOf(entry);
  })();
  await expect(reading).rejects.toThrow('EIO');
});

test('a payload stream that goes on after its last content is fine if it ends as it should', async () => {
  const { archive, payload } = await pack([ROOT, fileOf('a', 'x')], { split: true });
  const tail = payload!.subarray(-16);
  const gap = noise(100_000);
  const withGap = Buffer.concat([payload!.subarray(0, -16), gap, tail]);
  const drain = async (bytes: Uint8Array, size: number) => {
    for await (const entry of unpackPxar(inOnePiece(archive), { payload: overwriting(bytes, size) }))
      await contentOf(entry);
  };
  for (const size of [1, 15, 16, 17, 4096]) await drain(withGap, size);
  const refused = { code: 'PXAR_PAYLOAD_TAIL' };
  await expect(drain(Buffer.concat([withGap, Buffer.from('x')]), 4096)).rejects.toMatchObject(refused);
  await expect(drain(withGap.subarray(0, -16), 4096)).rejects.toMatchObject(refused);
  await expect(drain(payload!.subarray(0, -16), 4096)).rejects.toMatchObject({ code: 'PXAR_TRUNCATED' });
});

test('a payload stream at rest is checked likewise', async () => {
  const { archive, payload } = await pack([ROOT, fileOf('a', 'x')], { split: true });
  const drain = async (bytes: Uint8Array) => {
    const options = { payload: new BufferSource(bytes) };
    for await (const entry of unpackPxar(inOnePiece(archive), options)) await contentOf(entry);
  };
  await drain(payload!);
  await drain(Buffer.concat([payload!, payload!.subarray(-16)]));
  await expect(drain(Buffer.concat([payload!, Buffer.alloc(1)]))).rejects.toMatchObject({
    code: 'PXAR_PAYLOAD_TAIL',
  });
  await expect(drain(payload!.subarray(0, -1))).rejects.toMatchObject({ code: 'PXAR_TRUNCATED' });
});
