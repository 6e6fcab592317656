import { chunked } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { MAX_NAME_SIZE, MAX_PAX_SIZE } from './format.js';
import { unpackTar, verifyTar } from './read/unpack.js';
import { archive, END, GNU_MAGIC, header, member, padded, pax, record } from './testing/built-archive.js';
import { readEntries } from './testing/entries.js';

/** Archives whose author wants memory or time of us. Each must end by itself, in an error or in a result. */

const KIB = Buffer.alloc(1024);

/** As many zeros as are asked for, and how many were. */
function endless(first: Uint8Array) {
  const given = { bytes: 0 };
  async function* source(): AsyncGenerator<Uint8Array> {
    yield first;
    for (;;) {
      given.bytes += KIB.length;
      yield KIB;
    }
  }
  return { given, source: source() };
}

describe('a header that claims too much is refused before it is read', () => {
  test.each([
    ['a pax header', header({ type: 'x', size: MAX_PAX_SIZE + 1 })],
    ['a global pax header', header({ type: 'g', size: MAX_PAX_SIZE + 1 })],
    ['a long name', header({ type: 'L', size: MAX_NAME_SIZE + 1 })],
    ['a long link name', header({ type: 'K', size: MAX_NAME_SIZE + 1 })],
    ['a volume label', header({ type: 'V', size: MAX_NAME_SIZE + 1 })],
  ])('%s', async (_, first) => {
    const { given, source } = endless(first);
    await expect(verifyTar(source)).rejects.toMatchObject({ code: 'TAR_LIMIT', offset: 0 });
    expect(given.bytes).toBe(0);
  });
});

test('a claimed size is no reason to set memory aside', async () => {
  const before = process.memoryUsage().arrayBuffers;
  for (const [type, size] of [
    ['x', MAX_PAX_SIZE],
    ['0', 200 * 1024],
    ['0', 2 ** 33 - 1],
  ] as const) {
    await expect(verifyTar(chunked(header({ type, size }), 512))).rejects.toMatchObject({
      code: 'TAR_TRUNCATED',
    });
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX_PAX_SIZE / 2);
});

test('a pax header of a million records', async () => {
  const records = '5 a=\n'.repeat(1_000_000);
  const warnings: string[] = [];
  const bytes = archive(pax(records), member({ name: 'file' }, 'x'));
  await verifyTar(chunked(bytes, 1 << 20), { onWarning: ({ code }) => warnings.push(code) });
  expect(warnings).toEqual(['TAR_UNKNOWN_RECORD']);
});

test('a value of 16 MiB of digits', async () => {
  const digits = '9'.repeat(MAX_PAX_SIZE - 40);
  for (const keyword of ['mtime', 'size', 'uid', 'GNU.sparse.map']) {
    const bytes = archive(pax([keyword, digits]), member({}, ''));
    await expect(verifyTar(chunked(bytes, 1 << 20))).rejects.toMatchObject({ code: 'TAR_PAX_RECORD' });
  }
});

test('keywords without end are warned of a hundred times at most', async () => {
  const records = Array.from({ length: 5000 }, (_, index) => record(`VENDOR.${index}`, ''));
  let warnings = 0;
  await verifyTar(chunked(archive(pax(...records), member({}, '')), 65536), { onWarning: () => warnings++ });
  expect(warnings).toBe(100);
});

test('what a name does in an error cannot be told from what we say, and is one line', async () => {
  const name = `\u001b[2Jfile\nall is well${'x'.repeat(60)}`;
  const error: unknown = await verifyTar(chunked(archive(header({ name, type: '6', size: 1 })), 512)).catch(
    (reason: unknown) => reason,
  );
  const { message, entry } = error as { message: string; entry: string };
  expect(entry).toBe(name);
  expect(message).toMatch(/^\\x1b\[2Jfile\\x0aall is wellx+ is no file, but has a size: 1 \(at byte 0\)$/);
});

describe('maps of sparse files', () => {
  const sparse = (map: string, size: number) =>
    Buffer.concat([
      pax(
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', 's'],
        ['GNU.sparse.realsize', String(size)],
      ),
      header({ size: 2 ** 33 - 1 }),
      Buffer.from(map),
    ]);

  test('one that never ends is read block by block, up to the number of stretches that is allowed', async () => {
    const { source } = endless(sparse('99999999999\n', 2 ** 50));
    async function* digits(): AsyncGenerator<Uint8Array> {
      yield (await source.next()).value as Uint8Array;
      const lines = Buffer.from('0\n0\n'.repeat(128 * 1024));
      yield Buffer.alloc(512 - '99999999999\n'.length, '0\n');
      for (;;) yield lines;
    }
    await expect(verifyTar(digits())).rejects.toMatchObject({ code: 'TAR_SPARSE_MAP' });
  });

  test('a line that never ends', async () => {
    async function* digits(): AsyncGenerator<Uint8Array> {
      yield sparse('', 2 ** 40);
      for (let count = 0; count < 20; count++) yield Buffer.alloc(512 * 1024, '9');
    }
    await expect(verifyTar(digits())).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
  });

  test('a file of 8 PiB that holds nothing', async () => {
    const size = 2 ** 53 - 1;
    const bytes = archive(
      pax(
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', 's'],
        ['GNU.sparse.realsize', String(size)],
      ),
      member({}, padded(`1\n${size}\n0\n`)),
    );
    const [entry] = await readEntries(unpackTar(chunked(bytes, 512)));
    expect(entry).toMatchObject({ size, extents: [], storedSize: 0 });
  });

  test('blocks of a GNU map without end', async () => {
    const extended = header({ type: 'S', magic: GNU_MAGIC, patch: { 482: '\x01', 483: '00000000000\0' } });
    let blocks = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield extended;
      const block = Buffer.alloc(512);
      block[504] = 1;
      for (; blocks < 10_000; blocks++) yield block;
    }
    await expect(verifyTar(source())).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
    expect(blocks).toBe(10_000);
  });
});

test('members of nothing take no memory, however many', async () => {
  const one = header({ name: 'x' });
  const many = Buffer.concat(Array.from({ length: 1000 }, () => one));
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 200; count++) yield many;
    yield END;
  }
  const before = process.memoryUsage().arrayBuffers;
  expect((await verifyTar(source())).entries.file).toBe(200_000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
});
