import { Readable } from 'node:stream';
import { chunked, collect, noise } from '@vzdump-format/testing';
import { packTar as packModern, unpackTar as unpackModern } from 'modern-tar';
import * as nodeTar from 'tar';
import tarStream from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { unpackTar } from './read/unpack.js';
import { readEntries } from './testing/entries.js';
import type { PackEntry } from './write/member-headers.js';
import { packTar } from './write/pack.js';

/** Other libraries, on what they can do: names that are UTF-8, times in whole seconds, no holes. */

const SECOND = 1_000_000_000n;
const LONG = `${'long-'.repeat(30)}name`;
const COMMON = { mode: 0o640, uid: 1000, gid: 100, mtime: 1_600_000_000n * SECOND };

const ENTRIES: readonly PackEntry[] = [
  { ...COMMON, path: '', type: 'directory', size: 0, mode: 0o755 },
  { ...COMMON, path: 'dir', type: 'directory', size: 0, mode: 0o750 },
  { ...COMMON, path: 'dir/small', type: 'file', size: 3, content: Buffer.from('abc') },
  { ...COMMON, path: 'dir/large', type: 'file', size: 300_000, content: noise(300_000) },
  { ...COMMON, path: 'dir/empty', type: 'file', size: 0, content: new Uint8Array(0) },
  { ...COMMON, path: `dir/${LONG}`, type: 'file', size: 1, content: Buffer.from('x') },
  { ...COMMON, path: 'dir/ümläut', type: 'file', size: 1, content: Buffer.from('y') },
  { ...COMMON, path: 'link', type: 'symlink', size: 0, linkTarget: 'dir/small' },
  { ...COMMON, path: 'again', type: 'hardlink', size: 0, linkTarget: 'dir/small' },
];

interface Found {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly seconds: number;
  readonly link: string | undefined;
  readonly content: string;
}

/** What a reader should find, its own words for types aside. */
function expected(types: Readonly<Record<string, string>>): Found[] {
  return ENTRIES.map(({ path, type, mode, uid, gid, mtime, linkTarget, content }) => ({
    name: path,
    type: types[type]!,
    ...{ mode, uid, gid },
    seconds: Number(mtime / SECOND),
    link: linkTarget,
    content: Buffer.from((content as Uint8Array | undefined) ?? []).toString('base64'),
  }));
}

/** tar-stream's streams are not known to be iterables of bytes, though they are. */
function bytesOf(stream: unknown): AsyncIterable<Uint8Array> {
  return stream as AsyncIterable<Uint8Array>;
}

function plainName(name: string): string {
  return name.replace(/^\.\//, '').replace(/\/$/, '');
}

describe('what we pack is read', () => {
  test('by tar-stream', async () => {
    const found: Found[] = [];
    const extract = tarStream.extract();
    Readable.from(packTar(ENTRIES)).pipe(extract);
    for await (const entry of extract) {
      const { name, type, mode = 0, uid = 0, gid = 0, mtime, linkname } = entry.header;
      const content = (await collect(bytesOf(entry))).toString('base64');
      const seconds = (mtime?.getTime() ?? 0) / 1000;
      const link = linkname ? plainName(linkname) : undefined;
      found.push({ name: plainName(name), type: String(type), mode, uid, gid, seconds, link, content });
    }
    expect(found).toEqual(
      expected({ file: 'file', directory: 'directory', symlink: 'symlink', hardlink: 'link' }),
    );
  });

  test('by node-tar', async () => {
    const found: Found[] = [];
    const archive = await collect(packTar(ENTRIES));
    const pending: Promise<void>[] = [];
    await new Promise<void>((resolve, reject) => {
      const parser = new nodeTar.Parser({
        onReadEntry: (entry) => {
          const index = found.length;
          const { path, type, mode = 0, uid = 0, gid = 0, mtime, linkpath } = entry;
          const seconds = (mtime?.getTime() ?? 0) / 1000;
          const link = linkpath ? plainName(linkpath) : undefined;
          found.push({ name: plainName(path), type, mode, uid, gid, seconds, link, content: '' });
          pending.push(
            entry.concat().then((content) => {
              found[index] = { ...found[index]!, content: content.toString('base64') };
            }),
          );
        },
      });
      parser.on('end', resolve);
      parser.on('error', reject);
      parser.end(archive);
    });
    await Promise.all(pending);
    const types = { file: 'File', directory: 'Directory', symlink: 'SymbolicLink', hardlink: 'Link' };
    expect(found).toEqual(expected(types));
  });

  test('by modern-tar', async () => {
    const archive = await collect(packTar(ENTRIES));
    const found = (await unpackModern(archive)).map(({ header, data }): Found => {
      const { name, type, mode = 0, uid = 0, gid = 0, mtime, linkname } = header;
      const seconds = (mtime?.getTime() ?? 0) / 1000;
      const link = linkname ? plainName(linkname) : undefined;
      const content = Buffer.from(data ?? []).toString('base64');
      return { name: plainName(name), type: String(type), mode, uid, gid, seconds, link, content };
    });
    expect(found).toEqual(
      expected({ file: 'file', directory: 'directory', symlink: 'symlink', hardlink: 'link' }),
    );
  });
});

describe('what they pack is read by us', () => {
  const MTIME = new Date(1_600_000_000_000);

  function check(entries: Awaited<ReturnType<typeof readEntries>>): void {
    const shown = entries.map(({ path, type, mode, mtime, linkTarget, content }) => ({
      ...{ path, type, mode, linkTarget },
      seconds: mtime / SECOND,
      content: content?.length ? content.toString('base64') : undefined,
    }));
    const seconds = 1_600_000_000n;
    const shared = { seconds, linkTarget: undefined, content: undefined };
    expect(shown).toEqual([
      { ...shared, path: 'dir', type: 'directory', mode: 0o755 },
      { ...shared, path: 'dir/file', type: 'file', mode: 0o600, content: noise(1000).toString('base64') },
      {
        ...shared,
        path: `dir/${LONG}`,
        type: 'file',
        mode: 0o644,
        content: Buffer.from('x').toString('base64'),
      },
      {
        ...shared,
        path: 'dir/ümläut',
        type: 'file',
        mode: 0o644,
        content: Buffer.from('y').toString('base64'),
      },
      { ...shared, path: 'link', type: 'symlink', mode: 0o777, linkTarget: 'dir/file' },
    ]);
  }

  test('of tar-stream', async () => {
    const pack = tarStream.pack();
    pack.entry({ name: 'dir', type: 'directory', mode: 0o755, mtime: MTIME });
    pack.entry({ name: 'dir/file', mode: 0o600, mtime: MTIME }, noise(1000));
    pack.entry({ name: `dir/${LONG}`, mode: 0o644, mtime: MTIME }, 'x');
    pack.entry({ name: 'dir/ümläut', mode: 0o644, mtime: MTIME }, 'y');
    pack.entry({ name: 'link', type: 'symlink', linkname: 'dir/file', mode: 0o777, mtime: MTIME });
    pack.finalize();
    check(await readEntries(unpackTar(bytesOf(pack))));
  });

  test('of node-tar', async () => {
    const header = (
      path: string,
      type: nodeTar.types.EntryTypeName,
      mode: number,
      content: Uint8Array,
      linkpath = '',
    ) => {
      const made = new nodeTar.Header({
        path,
        type,
        mode,
        size: content.length,
        mtime: MTIME,
        linkpath,
        uid: 0,
        gid: 0,
      });
      const block = Buffer.alloc(512);
      const needsPax = made.encode(block, 0);
      const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
      const pax = needsPax
        ? new nodeTar.Pax({ path, mtime: MTIME, size: content.length }).encode()
        : Buffer.alloc(0);
      return Buffer.concat([pax, block, content, padding]);
    };
    const archive = Buffer.concat([
      header('dir/', 'Directory', 0o755, Buffer.alloc(0)),
      header('dir/file', 'File', 0o600, noise(1000)),
      header(`dir/${LONG}`, 'File', 0o644, Buffer.from('x')),
      header('dir/ümläut', 'File', 0o644, Buffer.from('y')),
      header('link', 'SymbolicLink', 0o777, Buffer.alloc(0), 'dir/file'),
      Buffer.alloc(1024),
    ]);
    check(await readEntries(unpackTar(chunked(archive, 'random'))));
  });

  test('of modern-tar', async () => {
    const archive = await packModern([
      { header: { name: 'dir/', type: 'directory', size: 0, mode: 0o755, mtime: MTIME } },
      { header: { name: 'dir/file', size: 1000, mode: 0o600, mtime: MTIME }, body: noise(1000) },
      { header: { name: `dir/${LONG}`, size: 1, mode: 0o644, mtime: MTIME }, body: 'x' },
      { header: { name: 'dir/ümläut', size: 1, mode: 0o644, mtime: MTIME }, body: 'y' },
      { header: { name: 'link', type: 'symlink', linkname: 'dir/file', size: 0, mode: 0o777, mtime: MTIME } },
    ]);
    check(await readEntries(unpackTar(chunked(archive, 'random'))));
  });
});
