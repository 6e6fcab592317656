import {
  ArchiveError,
  type ArchiveWarning,
  BufferSource,
  type ByteRange,
  type ByteSource,
  readChunks,
} from '@vzdump-format/streams';
import { collect, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { goldenArchive } from '../testing/archives.js';
import { archive, globalPax, header, member, pax } from '../testing/built-archive.js';
import { packTar } from '../write/pack.js';
import type { TarEntry } from './member.js';
import { pathHash } from './member-index.js';
import { openTar, type TarArchive } from './random-access.js';

async function bytesOf(source: ByteSource): Promise<string> {
  return (await collect(readChunks(source))).toString('latin1');
}

function open(...members: Uint8Array[]) {
  return openTar(new BufferSource(archive(...members)));
}

test('a member is found as it is stored, and as it is on disk; of several the last', async () => {
  const tar = await open(
    member({ name: './etc/hosts' }, 'one'),
    member({ name: 'etc//./hosts' }, 'two'),
    header({ name: './etc/', type: '5' }),
  );
  for (const path of ['etc/hosts', './etc/hosts', './etc/hosts/']) {
    expect(await bytesOf(await tar.open(path))).toBe('two');
  }
  expect((await tar.stat('etc'))?.type).toBe('directory');
  expect(await tar.stat('hosts')).toBeUndefined();
  expect(tar.count).toBe(3);
});

describe('hardlinks', () => {
  test('lead to the file as it was when they were made', async () => {
    const tar = await open(
      member({ name: 'file' }, 'one'),
      header({ name: 'link', type: '1', linkName: 'file' }),
      header({ name: 'link-to-link', type: '1', linkName: './link' }),
      member({ name: 'file' }, 'two'),
    );
    expect(await bytesOf(await tar.open('link-to-link'))).toBe('one');
    expect(await bytesOf(await tar.open('file'))).toBe('two');
  });

  test('to what comes later, or to themselves, lead nowhere', async () => {
    const tar = await open(
      header({ name: 'ahead', type: '1', linkName: 'file' }),
      header({ name: 'self', type: '1', linkName: 'self' }),
      header({ name: 'a', type: '1', linkName: 'b' }),
      header({ name: 'b', type: '1', linkName: 'a' }),
      member({ name: 'file' }, 'x'),
    );
    for (const path of ['ahead', 'self', 'a', 'b']) {
      await expect(tar.open(path)).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
    }
  });
});

test('what is no file has no content', async () => {
  const tar = await open(header({ name: 'd/', type: '5' }), header({ name: 's', type: '2', linkName: 'd' }));
  await expect(tar.open('d')).rejects.toMatchObject({ code: 'ENTRY_KIND', entry: 'd' });
  await expect(tar.open('s')).rejects.toMatchObject({ code: 'ENTRY_KIND', entry: 's' });
  await expect(tar.open('none')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND', entry: 'none' });
});

test('global headers hold for what is behind them', async () => {
  const tar = await open(
    member({ name: 'a' }, ''),
    globalPax(['uid', '7']),
    member({ name: 'b' }, ''),
    globalPax(['uid', '8']),
    globalPax(['gid', '9']),
    member({ name: 'c' }, ''),
    member({ name: 'd' }, ''),
  );
  const found = [];
  for (const path of ['d', 'a', 'c', 'b']) {
    const { uid, gid } = (await tar.stat(path))!;
    found.push([path, uid, gid]);
  }
  expect(found).toEqual([
    ['d', 8, 9],
    ['a', 0, 0],
    ['c', 8, 9],
    ['b', 7, 0],
  ]);
});

test('content is not read', async () => {
  const size = 50_000_000;
  const content = Buffer.alloc(size);
  const source = new CountingSource(
    await collect(packTar([entry('large', content), entry('small', noise(10))])),
  );
  const tar = await openTar(source);
  expect(source.bytesRead).toBeLessThan(200_000);
  await tar.stat('small');
  expect(source.bytesRead).toBeLessThan(210_000);
  const part = Buffer.alloc(10);
  expect(await (await tar.open('small')).read(part, 0)).toBe(10);
  expect(part).toEqual(noise(10));
});

test('a hundred thousand members take a few megabytes', async () => {
  const count = 100_000;
  function* entries() {
    for (let index = 0; index < count; index++)
      yield entry(`directory-${index % 100}/file-${index}`, new Uint8Array(0));
  }
  const source = new BufferSource(await collect(packTar(entries())));
  const before = process.memoryUsage().arrayBuffers;
  const tar = await openTar(source);
  expect(tar.count).toBe(count);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60 * count);
  for (const path of ['directory-0/file-0', 'directory-23/file-1023', 'directory-99/file-99999']) {
    expect((await tar.stat(path))?.path).toBe(path);
  }
  expect(await tar.stat('directory-99/file-100000')).toBeUndefined();
});

test('of paths with the same hash, each is itself', async () => {
  const seen = new Map<number, string>();
  let twins: [string, string] | undefined;
  for (let index = 0; twins === undefined; index++) {
    const hash = pathHash(`file-${index}`);
    const other = seen.get(hash);
    if (other !== undefined) twins = [other, `file-${index}`];
    seen.set(hash, `file-${index}`);
  }
  const tar = await open(member({ name: twins[0] }, 'one'), member({ name: twins[1] }, 'two'));
  expect(await bytesOf(await tar.open(twins[0]))).toBe('one');
  expect(await bytesOf(await tar.open(twins[1]))).toBe('two');
});

test('a sparse file tells where its data is', async () => {
  const tar = await openTar(new BufferSource(goldenArchive('gnu-sparse-1.0')));
  const many = await tar.open('many');
  const data = [];
  for (let range = await many.nextData!(0); range !== undefined; range = await many.nextData!(range.end))
    data.push(range);
  expect(data).toHaveLength(60);
  expect(data[1]).toEqual({ start: 8192, end: 12288 });
  expect(await many.nextData!(8200)).toEqual({ start: 8200, end: 12288 });
  expect(await (await tar.open('hole-alone')).nextData!(0)).toBeUndefined();
  const wide = await tar.open('wide');
  const end = Buffer.alloc(10, 0xee);
  expect(await wide.read(end, wide.size - 5)).toBe(5);
  expect([...end]).toEqual([0, 0, 0, 0, 0, 0xee, 0xee, 0xee, 0xee, 0xee]);
});

test('an archive that changed under us is no longer read', async () => {
  const bytes = archive(member({ name: 'a' }, 'x'), member({ name: 'b' }, 'y'));
  const tar = await openTar(new BufferSource(bytes));
  bytes.fill(0, 1024);
  await expect(tar.stat('b')).rejects.toMatchObject({ code: 'TAR_CHANGED', offset: 1024 });
});

test('abort', async () => {
  const source = new BufferSource(goldenArchive('gnu-gnu'));
  await expect(openTar(source, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  });
});

function entry(path: string, content: Uint8Array) {
  return {
    path,
    type: 'file' as const,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0n,
    size: content.length,
    content,
  };
}

class CountingSource extends BufferSource {
  bytesRead = 0;

  override async read(buffer: Uint8Array, offset: number): Promise<number> {
    const got = await super.read(buffer, offset);
    this.bytesRead += got;
    return got;
  }
}

async function entriesIn(tar: TarArchive): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  for await (const found of tar.list('')) entries.push(found);
  return entries;
}

test('large files whose headers prove their names and sizes are found by those alone', async () => {
  const times = [
    ['mtime', '1.5'],
    ['atime', '-1'],
  ] as const;
  const sparse = [
    ['GNU.sparse.size', '100000'],
    ['GNU.sparse.numblocks', '1'],
    ['GNU.sparse.map', '0,100000'],
  ] as const;
  const large = (name: string) => member({ name }, noise(100_000));
  const isRead = {
    plain: false,
    times: false,
    path: true,
    globalTimes: true,
    sparse: true,
    link: true,
  };
  const parts: Record<keyof typeof isRead, Buffer> = {
    plain: large('plain'),
    times: Buffer.concat([pax(...times), large('times')]),
    path: Buffer.concat([pax(['path', 'path']), large('cut')]),
    globalTimes: Buffer.concat([globalPax(...times), large('globalTimes')]),
    sparse: Buffer.concat([pax(...sparse), large('sparse')]),
    link: header({ name: 'link', type: '1', linkName: 'path' }),
  };
  const starts: number[] = [];
  let end = 0;
  for (const part of Object.values(parts)) {
    starts.push(end);
    end += part.length;
  }
  const read: number[] = [];
  class PartsSource extends BufferSource {
    override async read(buffer: Uint8Array, offset: number): Promise<number> {
      read.push(starts.findLastIndex((start) => start <= offset));
      return super.read(buffer, offset);
    }
    readUnproven(buffer: Uint8Array, offset: number): Promise<number> {
      return super.read(buffer, offset);
    }
  }
  const bytes = archive(...Object.values(parts));
  const tar = await openTar(new PartsSource(bytes));
  expect([...new Set(read)].sort()).toEqual(Object.values(isRead).flatMap((yes, at) => (yes ? [at] : [])));
  const listed = await entriesIn(tar);
  expect(listed).toEqual(await entriesIn(await openTar(new BufferSource(bytes))));
  expect(listed.map(({ path }) => path)).toEqual(Object.keys(parts));
});

describe('an archive made in parts, one of which is damaged', () => {
  const DAMAGE = new ArchiveError('ZSTD_CHECKSUM', 'damaged');

  /** Cut at `cuts`; the part that begins at `damaged` cannot be read. */
  class PartedSource extends BufferSource {
    constructor(
      bytes: Uint8Array,
      private readonly cuts: readonly number[],
      private readonly damaged: number,
    ) {
      super(bytes);
    }

    partAt(offset: number): ByteRange {
      const start = this.cuts.findLast((cut) => cut <= offset) ?? 0;
      return { start, end: this.cuts.find((cut) => cut > offset) ?? this.size };
    }

    override async read(buffer: Uint8Array, offset: number): Promise<number> {
      const { end } = this.partAt(this.damaged);
      if (offset < end && offset + buffer.length > this.damaged) throw DAMAGE;
      return super.read(buffer, offset);
    }
  }

  const bytes = archive(
    member({ name: 'a' }, 'x'.repeat(100_000)),
    member({ name: 'b' }, 'two'),
    member({ name: 'c' }, 'three'),
  );
  const b = 512 + 100_352;

  test('has the members of the others, and tells what is lost', async () => {
    const warnings: ArchiveWarning[] = [];
    const onWarning = (warning: ArchiveWarning) => warnings.push(warning);
    const tar = await openTar(new PartedSource(bytes, [0, b], 0), { onWarning });
    expect(await bytesOf(await tar.open('c'))).toBe('three');
    await expect(tar.open('a')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
    expect(warnings).toEqual([
      {
        code: 'ZSTD_CHECKSUM',
        message: `files whose headers stand from byte 0 to ${b} are not found: damaged`,
      },
    ]);
  });

  test.each([
    ['the next part begins with no member', [0, b + 512]],
    ['parts were cut by size, so that content may look like a member', [0, b, 2 * b]],
    ['there is no other part', [0]],
  ])('is refused where %s', async (_, cuts) => {
    const padded = Buffer.concat([bytes, Buffer.alloc(3 * b - bytes.length)]);
    await expect(openTar(new PartedSource(padded, cuts, 0))).rejects.toBe(DAMAGE);
  });
});
