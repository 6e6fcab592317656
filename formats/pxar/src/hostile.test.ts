import { BufferSource } from '@vzdump-format/streams';
import { overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { ITEM, type ItemType, MAX_DEPTH, MAX_METADATA_SIZE } from './format.js';
import { openPxar } from './read/random-access.js';
import { unpackPxar, verifyPxar } from './read/unpack.js';
import { CountingSource, inOnePiece } from './testing/bytes.js';
import { directoryOf, fileOf, pack, ROOT } from './testing/packing.js';
import { ItemWriter } from './write/item-writer.js';

/**
 * Archives whose author wants memory or time of us, or to lead us astray. Each must end by itself, in an
 * error or a result.
 */

async function drain(archive: AsyncIterable<Uint8Array>, verify = false): Promise<number> {
  let entries = 0;
  for await (const _ of unpackPxar(archive, { verify })) entries++;
  return entries;
}

/** Items, each with its content. */
function items(...all: readonly (readonly [ItemType, Uint8Array | number])[]): Buffer {
  const writer = new ItemWriter();
  for (const [type, content] of all) {
    // a number is a size that is only claimed
    writer.header(type, typeof content === 'number' ? content : content.length);
    if (typeof content !== 'number') writer.put(content);
  }
  return Buffer.from(writer.take());
}

function entryItem(mode: number): [ItemType, Uint8Array] {
  const content = Buffer.alloc(40);
  content.writeUInt16LE(mode);
  return [ITEM.ENTRY, content];
}

const ROOT_ITEM = entryItem(0o40755);
const NAME_ITEM = [ITEM.FILENAME, Buffer.from('a\0')] as const;

async function* endless(head: Uint8Array, repeated: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head;
  const chunk = Buffer.concat(
    Array.from({ length: 1 + Math.floor(65536 / repeated.length) }, () => repeated),
  );
  for (;;) yield chunk;
}

describe('without end', () => {
  test.each([
    ['small attributes', [[ITEM.ACL_USER, Buffer.alloc(16)]]],
    ['large attributes', [[ITEM.XATTR, Buffer.from(`user.a\0${'x'.repeat(60_000)}`)]]],
    ['entries in one', [entryItem(0o100644)]],
  ] as [string, [ItemType, Uint8Array][]][])('%s', async (_, repeated) => {
    const head = items(ROOT_ITEM, NAME_ITEM, entryItem(0o100644));
    const reading = drain(endless(head, items(...repeated)));
    await expect(reading).rejects.toMatchObject({ code: 'PXAR_LIMIT', offset: 56 });
  });

  test('directories within directories', async () => {
    const reading = drain(endless(items(ROOT_ITEM), items(NAME_ITEM, ROOT_ITEM)));
    await expect(reading).rejects.toMatchObject({ code: 'PXAR_LIMIT' });
  });

  test('long names within long names', async () => {
    const name = [ITEM.FILENAME, Buffer.from(`${'n'.repeat(4000)}\0`)] as const;
    const reading = drain(endless(items(ROOT_ITEM), items(name, ROOT_ITEM)));
    await expect(reading).rejects.toMatchObject({ code: 'PXAR_LIMIT' });
  });
});

test('as many attributes as may be are read, in small chunks too', async () => {
  const count = Math.floor(MAX_METADATA_SIZE / 16 / 32) * 16;
  const writer = new ItemWriter();
  writer.put(items(ROOT_ITEM, NAME_ITEM, entryItem(0o100644)));
  for (let index = 0; index < count; index++) {
    writer.header(ITEM.ACL_USER, 16);
    writer.u64(index);
    writer.u64(7);
  }
  writer.put(items([ITEM.PAYLOAD, Buffer.alloc(0)]));
  const entries = unpackPxar(overwriting(writer.take(), 4096));
  await entries.next();
  const found = (await entries.next()).value as { acl: unknown[] };
  expect(found.acl).toHaveLength(count + 3);
  await entries.return(undefined);
});

describe('sizes that are only claimed set no memory aside', () => {
  const before = () => process.memoryUsage().arrayBuffers;

  test.each([
    [
      'a prelude',
      items([ITEM.FORMAT_VERSION, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0])], [ITEM.PRELUDE, 16 << 20]),
    ],
    ['a payload', items(ROOT_ITEM, NAME_ITEM, entryItem(0o100644), [ITEM.PAYLOAD, 2 ** 52])],
    ['a goodbye table', items(ROOT_ITEM, [ITEM.GOODBYE, 2 ** 52])],
  ])('%s', async (_, archive) => {
    const memory = before();
    await expect(drain(inOnePiece(archive))).rejects.toMatchObject({
      code: 'PXAR_TRUNCATED',
      offset: archive.length,
    });
    await expect(drain(inOnePiece(archive), true)).rejects.toMatchObject({ name: 'ArchiveError' });
    expect(before() - memory).toBeLessThan(4 << 20);
  });
});

test('a name that is there ten thousand times', async () => {
  const { archive } = await pack([ROOT, ...Array.from({ length: 10_000 }, () => fileOf('same'))]);
  expect((await verifyPxar(inOnePiece(archive))).entries.file).toBe(10_000);
  const source = new CountingSource(archive);
  const opened = await openPxar(source);
  const before = source.reads;
  expect(await opened.stat('same')).toBeDefined();
  expect(source.reads - before).toBeLessThan(5);
});

describe('names that are made to have one hash', () => {
  /** The names' hashes are replaced by that of another name, which is looked for. */
  async function withHashesOf(wanted: string, count: number): Promise<Buffer> {
    const names = Array.from({ length: count }, (_, index) => `file-${index}`);
    const { archive } = await pack([ROOT, ...names.map((name) => fileOf(name))]);
    const other = (await pack([ROOT, fileOf(wanted)])).archive;
    const hash = other.subarray(other.length - 48, other.length - 40);
    const table = archive.length - 24 * (count + 1);
    for (let index = 0; index < count; index++) archive.set(hash, table + 24 * index);
    return archive;
  }

  test('the table is refused as soon as it is looked into', async () => {
    const archive = await withHashesOf('wanted', 1000);
    const source = new CountingSource(archive);
    const opened = await openPxar(source);
    const before = source.reads;
    await expect(opened.stat('wanted')).rejects.toMatchObject({ code: 'PXAR_GOODBYE' });
    expect(source.reads - before).toBeLessThan(5);
    await expect(verifyPxar(inOnePiece(archive))).rejects.toMatchObject({ code: 'PXAR_GOODBYE' });
  });
});

describe('hardlinks in a circle', () => {
  test('are refused', async () => {
    const { archive } = await pack([
      ROOT,
      fileOf('a', 'x'.repeat(50)),
      { ...fileOf('b'), type: 'hardlink', linkTarget: 'a', content: undefined },
      { ...fileOf('c'), type: 'hardlink', linkTarget: 'a', content: undefined },
    ]);
    // b names c, c names b; their offsets still lead to a
    const renamed = Buffer.from(archive);
    const first = renamed.indexOf('a\0', renamed.indexOf('b\0'));
    renamed[first] = 'c'.charCodeAt(0);
    renamed[renamed.indexOf('a\0', first)] = 'b'.charCodeAt(0);
    const opened = await openPxar(new BufferSource(renamed));
    for (const path of ['b', 'c']) {
      await expect(opened.open(path)).rejects.toMatchObject({ code: 'PXAR_HARDLINK', entry: path });
    }
    await expect(verifyPxar(inOnePiece(renamed))).rejects.toMatchObject({
      code: 'PXAR_HARDLINK',
      entry: 'b',
    });
  });
});

test('an entry hidden in the content of a file is not found as the target of a hardlink', async () => {
  const hidden = items(NAME_ITEM, entryItem(0o100644), [ITEM.PAYLOAD, Buffer.from('hidden')]);
  const { archive } = await pack([
    ROOT,
    fileOf('a', 'shown'),
    { ...fileOf('b'), content: hidden, size: hidden.length },
    { ...fileOf('l'), type: 'hardlink', linkTarget: 'a', content: undefined },
  ]);
  const inside = archive.indexOf(hidden);
  const link = archive.indexOf('l\0') - 16;
  archive.writeBigUInt64LE(BigInt(link - inside), link + 18 + 16);
  const opened = await openPxar(new BufferSource(archive));
  await expect(opened.open('l')).rejects.toMatchObject({ code: 'PXAR_HARDLINK' });
  await expect(verifyPxar(inOnePiece(archive))).rejects.toMatchObject({ code: 'PXAR_HARDLINK' });
});

test('what names do in an error cannot be told from what we say, and is one line', async () => {
  const name = `\u001b[2Jfile\nall is well\u202e${'x'.repeat(3000)}`;
  const { archive } = await pack([ROOT, directoryOf(name), fileOf(`${name}/a`)]);
  archive[archive.length - 24 * 2 - 24 - 16]! ^= 1; // in the directory's own table
  const error: unknown = await verifyPxar(inOnePiece(archive)).catch((reason: unknown) => reason);
  const { message, entry } = error as { message: string; entry: string };
  expect(entry).toBe(name);
  expect(message).toMatch(/^the goodbye table of \\x1b\[2Jfile\\x0aall is well\\u\{202e\}x+…/);
  expect(message.length).toBeLessThan(300);
});

test('directories as deep as may be are walked at random', async () => {
  const directories = Array.from({ length: MAX_DEPTH - 1 }, (_, depth) =>
    directoryOf(`a${'/a'.repeat(depth)}`),
  );
  const deepest = directories.at(-1)!.path;
  const { archive } = await pack([ROOT, ...directories, fileOf(`${deepest}/file`, 'x')]);
  const opened = await openPxar(new BufferSource(archive));
  expect(await opened.stat(`${deepest}/file`)).toMatchObject({ size: 1 });
  expect((await verifyPxar(inOnePiece(archive))).entries).toMatchObject({ directory: MAX_DEPTH, file: 1 });
});
