import type { FileEntry } from '@vzdump-format/file-tree';
import { owned } from '@vzdump-format/streams';
import { chunked, collect, noise, overwriting } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { unpackTar } from '../read/unpack.js';
import { readEntries } from '../testing/entries.js';
import { type PackTarOptions, packTar } from './pack.js';

const FILE = { type: 'file' as const, mode: 0o644, uid: 0, gid: 0, mtime: 0n };

function file(path: string, content: FileEntry['content'], size: number): FileEntry {
  return { ...FILE, path, size, content };
}

function pack(entries: readonly FileEntry[], options?: PackTarOptions): Promise<Buffer> {
  return collect(packTar(entries, options));
}

async function namesIn(archive: Buffer): Promise<string[]> {
  return (await readEntries(unpackTar(chunked(archive, 65536)))).map(({ storedName }) => storedName);
}

test('an archive of nothing is a record of zeros, as GNU tar makes it', async () => {
  expect(await pack([])).toEqual(Buffer.alloc(10240));
});

describe('content', () => {
  test.each([
    ['too short', Buffer.alloc(9), 'came with 9'],
    ['too long', Buffer.alloc(11), 'came with 11'],
    ['none', undefined, 'came with 0'],
  ])('%s', async (_, content, message) => {
    const error: unknown = await pack([file('f', content, 10)]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'TAR_CONTENT_SIZE', entry: 'f' });
    expect((error as Error).message).toContain(message);
  });

  test.each([
    ['too short', 9, 'came with 9'],
    ['too long', 11, 'came with more'],
    ['none', 0, 'came with 0'],
  ])('%s, in chunks', async (_, length, message) => {
    await expect(pack([file('f', chunked(noise(length), 4), 10)])).rejects.toThrow(message);
  });

  test('of a file that should be empty', async () => {
    await expect(pack([file('f', chunked(noise(1), 1), 0)])).rejects.toMatchObject({
      code: 'TAR_CONTENT_SIZE',
    });
    expect(await namesIn(await pack([file('f', undefined, 0)]))).toEqual(['./f']);
  });

  test('of a sparse file, in bytes that its extents do not have', async () => {
    const extents = [{ offset: 512, length: 100 }];
    for (const length of [0, 99, 101]) {
      const entry = { ...file('f', noise(length), 10_000), extents };
      await expect(pack([entry])).rejects.toMatchObject({ code: 'TAR_CONTENT_SIZE' });
      const inChunks = { ...file('f', chunked(noise(length), 7), 10_000), extents };
      await expect(pack([inChunks])).rejects.toMatchObject({ code: 'TAR_CONTENT_SIZE' });
    }
  });

  test('in pieces is passed on as it is', async () => {
    const large = noise(200_000);
    const passedOn: Uint8Array[] = [];
    for await (const chunk of packTar([file('f', once(large), large.length)])) passedOn.push(chunk);
    expect(passedOn.some((chunk) => chunk === large)).toBe(true);
  });

  test('and all else may be kept where chunks are owned', async () => {
    const entries = Array.from({ length: 3000 }, (_, index) => file(`f${index}`, noise(1000, index), 1000));
    entries.push(file('g', overwriting(noise(3_000_000), 70_000), 3_000_000));
    const kept: Uint8Array[] = [];
    for await (const chunk of owned(packTar(entries))) kept.push(chunk);
    expect(kept.length).toBeGreaterThan(3);
    const unpacked = await readEntries(unpackTar(chunked(Buffer.concat(kept), 65536)));
    for (const [index, entry] of unpacked.entries())
      expect(entry.content!.equals(index < 3000 ? noise(1000, index) : noise(3_000_000))).toBe(true);
    expect(unpacked).toHaveLength(3001);
  });

  async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
    yield chunk;
  }
});

describe('what cannot be stored is refused', () => {
  test.each([
    ['an absolute path', { path: '/etc/passwd' }, 'TAR_NAME'],
    ['a path out of the tree', { path: 'a/../../b' }, 'TAR_NAME'],
    ['a path with a dot', { path: 'a/./b' }, 'TAR_NAME'],
    ['a path with two slashes', { path: 'a//b' }, 'TAR_NAME'],
    ['a path that ends in a slash', { path: 'a/' }, 'TAR_NAME'],
    ['a NUL in a path', { path: 'a\0b' }, 'TAR_NAME'],
    ['a root that is a file', { path: '' }, 'TAR_NAME'],
    ['a symlink without a target', { type: 'symlink' as const }, 'TAR_NAME'],
    ['a symlink with a NUL', { type: 'symlink' as const, linkTarget: 'a\0b' }, 'TAR_NAME'],
    ['a hardlink out of the tree', { type: 'hardlink' as const, linkTarget: '../b' }, 'TAR_NAME'],
    ['a size past 2^53', { size: 2 ** 53 }, 'TAR_LIMIT'],
    ['a negative size', { size: -1 }, 'TAR_LIMIT'],
    ['a time past 2^53 seconds', { mtime: 2n ** 53n * 1_000_000_000n }, 'TAR_LIMIT'],
    ['a user id of 33 bits', { uid: 2 ** 32 }, 'TAR_LIMIT'],
    ['a group id that is no integer', { gid: 0.5 }, 'TAR_LIMIT'],
    [
      'a device number that is too large',
      { type: 'char' as const, device: { major: 2 ** 21, minor: 0 } },
      'TAR_LIMIT',
    ],
    ['more attributes than are read', { xattrs: new Map([['user.a', Buffer.alloc(17 << 20)]]) }, 'TAR_LIMIT'],
    [
      'extents out of order',
      {
        size: 9,
        extents: [
          { offset: 5, length: 1 },
          { offset: 0, length: 1 },
        ],
      },
      'TAR_SPARSE_MAP',
    ],
    ['extents past the end', { size: 9, extents: [{ offset: 5, length: 5 }] }, 'TAR_SPARSE_MAP'],
    ['an extent of nothing', { size: 9, extents: [{ offset: 5, length: 0 }] }, 'TAR_SPARSE_MAP'],
  ])('%s', async (_, fields: Partial<FileEntry>, code) => {
    await expect(pack([{ ...FILE, path: 'f', size: 0, ...fields }])).rejects.toMatchObject({
      code,
      entry: fields.path ?? 'f',
    });
  });
});

describe('what tar has no place for is left out, and told', () => {
  async function warningsOf(entries: readonly FileEntry[]): Promise<string[]> {
    const warnings: string[] = [];
    await pack(entries, { onWarning: ({ code, message }) => warnings.push(`${code} ${message}`) });
    return warnings;
  }

  test('sockets, and links to them', async () => {
    const entries: FileEntry[] = [
      { ...FILE, path: 's', type: 'socket', size: 0 },
      { ...FILE, path: 'again', type: 'hardlink', size: 0, linkTarget: 's' },
      { ...FILE, path: 'f', size: 0 },
    ];
    expect(await warningsOf(entries)).toEqual([
      'TAR_SOCKET 2 entries left out: a tar archive cannot hold a socket; first s',
    ]);
    expect(await namesIn(await pack(entries))).toEqual(['./f']);
  });

  test('flags that a user set and quota projects, counted', async () => {
    const immutable = 0x10;
    const extentsOfExt4 = 0x80000;
    const entries: FileEntry[] = [
      { ...FILE, path: 'a', size: 0, flags: extentsOfExt4, quotaProject: 0 },
      { ...FILE, path: 'b', size: 0, flags: immutable | extentsOfExt4, quotaProject: 7 },
      { ...FILE, path: 'c', size: 0, flags: immutable, quotaProject: 7 },
    ];
    expect(await warningsOf(entries)).toEqual([
      'TAR_FLAGS 2 entries without flags, as lsattr shows them: a tar archive has no place for them; first b',
      'TAR_QUOTA_PROJECT 2 entries without a quota project: a tar archive has no place for them; first b',
    ]);
  });
});

test('what comes first has the owner, mode and time that it is given', async () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const first = [
    { path: 'etc/vzdump/pct.conf', data: Buffer.from('arch: amd64\n'), mtime: 5n },
    { path: 'etc/vzdump/pct.fw', data: Buffer.alloc(0), mode: 0o600 },
  ];
  const [config, firewall] = await readEntries(unpackTar(packTar([], { first })));
  const owner = { type: 'file', uid: 0, gid: 0 };
  expect(config).toMatchObject({
    ...owner,
    storedName: './etc/vzdump/pct.conf',
    mode: 0o644,
    mtime: 5n,
    size: 12,
  });
  expect(firewall).toMatchObject({ ...owner, storedName: './etc/vzdump/pct.fw', mode: 0o600, size: 0 });
  expect(firewall!.mtime).toBeGreaterThanOrEqual(before);
});

test('a size that octal digits do not hold is in a record', async () => {
  const size = 9 * 2 ** 30 + 5;
  async function* content(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(1 << 20);
  }
  for await (const chunk of packTar([file('f', content(), size)])) {
    expect(Buffer.from(chunk).toString('latin1', 512, 531)).toBe('19 size=9663676421\n');
    expect(Buffer.from(chunk).toString('latin1', 1024 + 124, 1024 + 136)).toBe('00000000000\0');
    for await (const entry of unpackTar(chunked(chunk, 4096))) {
      expect(entry).toMatchObject({ size, storedSize: size });
      break;
    }
    break;
  }
});

test('only files have content, whatever else entries say', async () => {
  const odd = {
    ...file('s', noise(5), 5),
    type: 'symlink' as const,
    linkTarget: 'x',
    extents: [{ offset: 0, length: 1 }],
  };
  const [link, after] = await readEntries(unpackTar(packTar([odd, file('f', noise(3), 3)])));
  expect(link).toMatchObject({ path: 's', type: 'symlink', size: 0 });
  expect(after!.content).toEqual(noise(3));
});

test('times of last access and change are stored when they are given', async () => {
  const times = { atime: -1n, ctime: 1_600_000_000_000_000_001n };
  const [entry] = await readEntries(unpackTar(packTar([{ ...FILE, path: 'f', size: 0, ...times }])));
  expect(entry).toMatchObject({ mtime: 0n, ...times });
});

test('progress counts the bytes of entries, those first among them', async () => {
  const progress: number[] = [];
  const first = [{ path: 'conf', data: Buffer.alloc(3) }];
  const sparse = { ...file('s', noise(512), 5000), extents: [{ offset: 0, length: 512 }] };
  await pack([file('f', noise(10), 10), sparse], { first, onProgress: (now) => progress.push(now) });
  expect(progress).toEqual([3, 13, 5013]);
});

describe('abort', () => {
  test('before the first entry', async () => {
    await expect(pack([], { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('in the middle of a content, whose source is let go', async () => {
    const controller = new AbortController();
    let closed = false;
    async function* content(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          yield Buffer.alloc(1000);
          controller.abort();
        }
      } finally {
        closed = true;
      }
    }
    const packing = pack([file('f', content(), 1_000_000)], { signal: controller.signal });
    await expect(packing).rejects.toMatchObject({ name: 'AbortError' });
    expect(closed).toBe(true);
  });

  test('to stop reading the archive lets go of the entries', async () => {
    let closed = false;
    async function* entries(): AsyncGenerator<FileEntry> {
      try {
        for (let index = 0; ; index++) yield file(`f${index}`, noise(60_000), 60_000);
      } finally {
        closed = true;
      }
    }
    for await (const _ of packTar(entries())) break;
    expect(closed).toBe(true);
  });
});
