import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { FileEntry } from '../entry/entry.js';
import {
  directory,
  entriesOf,
  file,
  fileInPieces,
  hardlink,
  inPieces,
  node,
  symlink,
} from '../testing/entries.js';
import { contentsOf } from '../testing/what-is-there.js';
import { type RestoreTreeOptions, type RestoreTreeResult, restoreTree } from './restore.js';

const AT = 981_173_106_123_456_789n;

const base = useTemporaryDirectory();
let target: string;

beforeEach(() => {
  target = join(base(), 'target');
});

function restore(entries: readonly FileEntry[], options?: RestoreTreeOptions): Promise<RestoreTreeResult> {
  return restoreTree(entriesOf(...entries), target, options);
}

function modifiedAt(path: string): bigint {
  return statSync(join(target, path), { bigint: true }).mtimeNs;
}

function modeOf(path: string): string {
  return (statSync(join(target, path)).mode & 0o7777).toString(8);
}

describe('a tree', () => {
  test('is as its entries say', async () => {
    const result = await restore([
      directory(''),
      directory('etc'),
      file('etc/hosts', '127.0.0.1'),
      fileInPieces('etc/large', ['1', '', '23']),
      fileInPieces('etc/empty', []),
      { ...file('etc/none'), content: undefined },
      symlink('etc/link', '/anywhere/../at all'),
      hardlink('hosts', 'etc/hosts'),
      directory('etc/deep/er'),
      node('pipe', 'fifo'),
      file('\udcff\n', 'odd'),
    ]);
    expect(result).toEqual({ restored: 11, bytes: expect.any(Number), skipped: 0, losses: {} });
    expect(contentsOf(target)).toEqual({
      etc: 'd',
      'etc/hosts': '127.0.0.1',
      'etc/large': '123',
      'etc/empty': '',
      'etc/none': '',
      'etc/link': '-> /anywhere/../at all',
      hosts: '127.0.0.1',
      'etc/deep': 'd',
      'etc/deep/er': 'd',
      pipe: 'p',
      '\xff\n': 'odd',
    });
    expect(statSync(join(target, 'hosts')).ino).toBe(statSync(join(target, 'etc/hosts')).ino);
  });

  test('of nothing is an empty directory', async () => {
    expect(await restore([])).toEqual({ restored: 0, bytes: expect.any(Number), skipped: 0, losses: {} });
    expect(contentsOf(target)).toEqual({});
  });

  test('is put where a link leads that the user names', async () => {
    mkdirSync(join(base(), 'elsewhere'));
    symlinkSync('elsewhere', target);
    await restore([file('a', 'b')]);
    expect(contentsOf(join(base(), 'elsewhere'))).toEqual({ a: 'b' });
  });

  test('is not put into a file', async () => {
    writeFileSync(target, '');
    await expect(restore([file('a')])).rejects.toMatchObject({ code: 'EEXIST' });
  });
});

describe('directories', () => {
  test('have their times and modes, whatever was made in them, and in whatever order', async () => {
    const closed = { mode: 0o500, mtime: AT };
    await restore([
      directory('', { mode: 0o711, mtime: AT }),
      directory('a', closed),
      file('a/1'),
      directory('a/b', closed),
      file('a/b/2'),
      file('c/late/3'),
      file('a/b/4'),
      directory('c/late', closed),
      fileInPieces('a/5', ['x']),
      file('c/late/6'),
      hardlink('a/b/7', 'c/late/6'),
      directory('c', closed),
    ]);
    for (const path of ['a', 'a/b', 'c', 'c/late']) {
      expect([path, modeOf(path), modifiedAt(path)]).toEqual([path, '500', AT]);
    }
    expect([modeOf(''), modifiedAt('')]).toEqual(['711', AT]);
  });

  test('that are made on the way are as others, and their times are those of what is made in them', async () => {
    await restore([file('a/b/c')]);
    expect([modeOf('a'), modeOf('a/b')]).toEqual(['755', '755']);
    expect(modifiedAt('a/b')).toBeGreaterThan(AT);
  });

  test('that were there without an entry of their own keep their mode, and change as any directory does', async () => {
    mkdirSync(join(target, 'there'), { recursive: true, mode: 0o710 });
    const before = modifiedAt('there');
    await restore([file('there/a'), file('b'), file('there/c')]);
    expect(modeOf('there')).toBe('710');
    expect(modifiedAt('there')).toBeGreaterThan(before);
  });

  test('that an entry set, and others come back to, keep their times, were they there before or not', async () => {
    mkdirSync(join(target, 'there'), { recursive: true });
    await restore([
      directory('there', { mtime: AT }),
      file('there/a'),
      directory('made', { mtime: AT }),
      file('there/b'),
      file('made/c'),
      directory('other', { mtime: AT }),
      file('made/on/the/way'),
      file('there/on/the/way'),
    ]);
    expect([modifiedAt('there'), modifiedAt('made'), modifiedAt('other')]).toEqual([AT, AT, AT]);
  });

  test('twice in an archive are one, and the later entry counts', async () => {
    await restore([
      directory('a', { mode: 0o700, mtime: 5n }),
      file('a/1', 'x'),
      directory('a', { mode: 0o750, mtime: AT }),
      file('a/2', 'y'),
    ]);
    expect(contentsOf(target)).toEqual({ a: 'd', 'a/1': 'x', 'a/2': 'y' });
    expect([modeOf('a'), modifiedAt('a')]).toEqual(['750', AT]);
  });
});

describe('entries twice in an archive', () => {
  test.each(['refuse', 'replace'] as const)('the later one counts (%s)', async (existing) => {
    const entries = [
      file('f', '1'),
      file('d/f', '1'),
      fileInPieces('f', ['2']),
      directory('g'),
      symlink('g', 'x'),
      file('d/f', '2'),
      file('g', '3'),
      node('n', 'fifo'),
      symlink('n', 'y'),
      file('h', '4'),
      hardlink('h', 'f'),
      file('i', '5'),
      directory('i'),
      directory('j'),
      fileInPieces('j', ['6']),
    ];
    await restore(entries, { existing });
    expect(contentsOf(target)).toEqual({
      f: '2',
      d: 'd',
      'd/f': '2',
      g: '3',
      n: '-> y',
      h: '2',
      i: 'd',
      j: '6',
    });
  });

  test('a file does not change through its other names', async () => {
    await restore([file('a', '1'), hardlink('b', 'a'), file('a', '2')]);
    expect(contentsOf(target)).toEqual({ a: '2', b: '1' });
  });

  test.each(['refuse', 'replace'] as const)(
    'but a directory goes only when it is empty (%s)',
    async (existing) => {
      const entries = [directory('d'), file('d/f', 'x'), file('d', 'y')];
      await expect(restore(entries, { existing })).rejects.toMatchObject({
        code: 'TREE_NOT_EMPTY',
        entry: 'd',
      });
      expect(contentsOf(target)).toEqual({ d: 'd', 'd/f': 'x' });
    },
  );

  test('skip: the first one counts, as in tar', async () => {
    const entries = [
      file('f', '1'),
      fileInPieces('f', ['2']),
      hardlink('h', 'f'),
      symlink('h', 'x'),
      directory('d', { mode: 0o700, mtime: AT }),
      file('d/f', '1'),
      directory('d', { mode: 0o755 }),
      file('d', '2'),
    ];
    expect(await restore(entries, { existing: 'skip' })).toMatchObject({
      restored: 4,
      bytes: expect.any(Number),
      skipped: 4,
    });
    expect(contentsOf(target)).toEqual({ f: '1', h: '1', d: 'd', 'd/f': '1' });
    expect([modeOf('d'), modifiedAt('d')]).toEqual(['700', AT]);
  });
});

describe('what was there before', () => {
  const OLD = { there: 'd', 'there/f': 'old', g: 'old', empty: 'd', l: '-> f' };

  beforeEach(() => {
    mkdirSync(join(target, 'there'), { recursive: true, mode: 0o710 });
    mkdirSync(join(target, 'empty'));
    writeFileSync(join(target, 'there/f'), 'old');
    writeFileSync(join(target, 'g'), 'old');
    symlinkSync('f', join(target, 'l'));
  });

  const ENTRIES: readonly [string, FileEntry][] = [
    ['there/f', file('there/f', 'new')],
    ['there/f', fileInPieces('there/f', ['new'])],
    ['g', symlink('g', 'new')],
    ['g', node('g', 'fifo')],
    ['g', directory('g')],
    ['l', file('l', 'new')],
    ['l', directory('l')],
    ['empty', file('empty', 'new')],
    ['g', hardlink('g', 'there/f')],
  ];

  test.each(ENTRIES)('refuse: %s is an error, and nothing changes', async (path, entry) => {
    const code = { code: 'TREE_EXISTS', entry: path };
    await expect(restore([entry])).rejects.toMatchObject(code);
    expect(contentsOf(target)).toEqual(OLD);
  });

  test.each(ENTRIES)('refuse: %s is still one, when the archive came by before', async (path, entry) => {
    const around = [
      directory('there'),
      file('there/own', ''),
      hardlink('other', path === 'empty' ? 'g' : path),
    ];
    await expect(restore([...around, file('z', ''), entry])).rejects.toMatchObject({ code: 'TREE_EXISTS' });
    expect(contentsOf(target)).toMatchObject(OLD);
  });

  test.each(ENTRIES)('skip: %s stays, and counts as passed over', async (_, entry) => {
    expect(await restore([entry], { existing: 'skip' })).toEqual({
      restored: 0,
      bytes: expect.any(Number),
      skipped: 1,
      losses: {},
    });
    expect(contentsOf(target)).toEqual(OLD);
  });

  test.each(ENTRIES)('replace: %s makes way', async (path, entry) => {
    expect(await restore([entry], { existing: 'replace' })).toMatchObject({
      restored: 1,
      bytes: expect.any(Number),
      skipped: 0,
    });
    const { [path]: now } = contentsOf(target);
    expect(now).toBe(
      { file: 'new', symlink: '-> new', fifo: 'p', directory: 'd', hardlink: 'old' }[entry.type as 'file'],
    );
  });

  test.each(['refuse', 'replace'] as const)(
    'directories are merged, and get the metadata of their entries (%s)',
    async (existing) => {
      await restore(
        [directory(''), directory('there', { mode: 0o701, mtime: AT }), file('there/new', 'new')],
        { existing },
      );
      expect(contentsOf(target)).toEqual({ ...OLD, 'there/new': 'new' });
      expect([modeOf('there'), modifiedAt('there')]).toEqual(['701', AT]);
    },
  );

  test('skip: a target that was made for it gets its own, and what it came with stays', async () => {
    mkdirSync(join(target, 'lost+found'), { recursive: true, mode: 0o700 });
    const entries = [directory('', { mode: 0o711, mtime: AT }), directory('lost+found', { mode: 0o755 })];
    const result = await restore(entries, { existing: 'skip', freshTarget: true });
    expect(result).toMatchObject({ restored: 1, bytes: expect.any(Number), skipped: 1 });
    expect([modeOf('.'), modeOf('lost+found'), modifiedAt('.')]).toEqual(['711', '700', AT]);
  });

  test('skip: directories are merged, and keep theirs, the target too', async () => {
    const [mode, time] = [modeOf(''), modifiedAt('')];
    const entries = [directory('', { mode: 0o700 }), directory('there', { mode: 0o701, mtime: AT })];
    expect(await restore(entries, { existing: 'skip' })).toMatchObject({
      restored: 0,
      bytes: expect.any(Number),
      skipped: 2,
    });
    expect([modeOf(''), modifiedAt('')]).toEqual([mode, time]);
    await restore([file('there/new', 'new')], { existing: 'skip' });
    expect(contentsOf(target)).toEqual({ ...OLD, 'there/new': 'new' });
    expect(modeOf('there')).toBe('710');
  });

  test('skip: a hard link to what stays is one to that', async () => {
    await restore([file('g', 'new'), hardlink('h', 'g')], { existing: 'skip' });
    expect(contentsOf(target)).toMatchObject({ g: 'old', h: 'old' });
  });

  test('replace: it goes only once the new content is whole', async () => {
    const entry = file('g', '', { size: 5, content: inPieces(['ne']) });
    await expect(restore([entry], { existing: 'replace' })).rejects.toMatchObject({ code: 'TREE_CONTENT' });
    expect(contentsOf(target)).toEqual(OLD);
  });
});

describe('a file whose content fails', () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    throw Object.assign(new Error('the archive ends'), { code: 'TAR_TRUNCATED' });
  }

  test('is not there, what came before is, with all that it has', async () => {
    const entries = [
      directory('d', { mode: 0o700, mtime: AT }),
      file('d/a', 'whole'),
      file('d/b', '', { size: 8, content: failing() }),
    ];
    await expect(restore(entries)).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
    expect(contentsOf(target)).toEqual({ d: 'd', 'd/a': 'whole' });
    expect([modeOf('d'), modifiedAt('d')]).toEqual(['700', AT]);
  });

  test('while it is written, it is under another name', async () => {
    async function* looking(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('ha');
      expect(readdirSync(target)).toEqual([expect.stringMatching(/^\.vzdump-format-[0-9a-f]{16}\.partial$/)]);
      yield Buffer.from('lf');
    }
    await restore([file('f', '', { size: 4, content: looking() })]);
    expect(contentsOf(target)).toEqual({ f: 'half' });
  });

  test('nor is one with content at hand that is not as long as it says', async () => {
    await expect(restore([file('f', 'abc', { size: 4 })])).rejects.toMatchObject({ code: 'TREE_CONTENT' });
    expect(contentsOf(target)).toEqual({});
  });

  test('nor one that is larger than a file can be', async () => {
    const entry = file('f', '', { size: Number.MAX_SAFE_INTEGER, extents: [] });
    const outcome = await restore([entry]).catch((error) => error);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: 'TREE_SYSTEM', entry: 'f', cause: { code: 'EFBIG' } });
      expect(contentsOf(target)).toEqual({});
    } else {
      expect(statSync(join(target, 'f')).size).toBe(Number.MAX_SAFE_INTEGER); // a file system without such a limit
      rmSync(join(target, 'f'));
    }
  });
});

describe('an abort', () => {
  test('ends it between two entries', async () => {
    const controller = new AbortController();
    async function* entries(): AsyncGenerator<FileEntry> {
      yield file('a', '1');
      controller.abort();
      yield file('b', '2');
    }
    const restored = restoreTree(entries(), target, { signal: controller.signal });
    await expect(restored).rejects.toMatchObject({ name: 'AbortError' });
    expect(contentsOf(target)).toEqual({ a: '1' });
  });

  test('ends it within a file, which is not there', async () => {
    const controller = new AbortController();
    async function* content(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      controller.abort();
      yield Buffer.from('b');
    }
    const entry = file('f', '', { size: 2, content: content() });
    await expect(restore([entry], { signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(contentsOf(target)).toEqual({});
  });
});

describe('leaving out', () => {
  test('what excludes says, of paths as they are on disk', async () => {
    const asked: [string, boolean][] = [];
    const excludes = (path: string, isDirectory: boolean) => {
      asked.push([path, isDirectory]);
      return path.startsWith('dev/');
    };
    const entries = [
      directory('./dev'),
      node('dev//null', 'char'),
      node('/dev/./zero', 'char'),
      directory('dev/pts/'),
      file('devil', ''),
    ];
    expect(await restore(entries, { excludes })).toEqual({
      restored: 2,
      bytes: expect.any(Number),
      skipped: 3,
      losses: {},
    });
    expect(contentsOf(target)).toEqual({ dev: 'd', devil: '' });
    expect(asked).toEqual([
      ['dev', true],
      ['dev/null', false],
      ['dev/zero', false],
      ['dev/pts', true],
      ['devil', false],
    ]);
  });

  test('hard links to what was left out are lost, and counted', async () => {
    const warnings: ArchiveWarning[] = [];
    const entries = [file('a/x', ''), hardlink('b', 'a/x'), hardlink('c', 'a/y')];
    const result = await restore(entries, {
      excludes: (path) => path.startsWith('a/'),
      onWarning: (warning) => warnings.push(warning),
    });
    expect(result).toEqual({ restored: 0, bytes: expect.any(Number), skipped: 1, losses: { hardlink: 2 } });
    expect(warnings).toEqual([
      {
        code: 'TREE_LOST_HARDLINK',
        message: 'hard link not made: 2 entries, first b (a/x is not there)',
        entry: 'b',
      },
    ]);
  });

  test('where nothing is left out, a hard link to nothing is an error', async () => {
    const entries = [hardlink('a', 'none')];
    await expect(restore(entries)).rejects.toMatchObject({ code: 'TREE_LINK_MISSING', entry: 'a' });
  });

  test('devices and sockets, which are counted', async () => {
    const warnings: string[] = [];
    const result = await restore(
      [node('a', 'char'), node('b', 'block'), node('c', 'socket'), node('d', 'fifo'), hardlink('e', 'a')],
      { devices: false, sockets: false, onWarning: ({ message }) => warnings.push(message) },
    );
    expect(result).toEqual({
      restored: 1,
      bytes: expect.any(Number),
      skipped: 0,
      losses: { device: 2, socket: 1, hardlink: 1 },
    });
    expect(contentsOf(target)).toEqual({ d: 'p' });
    expect(warnings).toEqual([
      'device not made: 2 entries, first a (not wanted)',
      'socket not made: c (not wanted)',
      'hard link not made: e (a is not there)',
    ]);
  });
});

test.each([
  ['TREE_DEVICE', node('a', 'block', { device: undefined })],
  ['TREE_LINK_TARGET', symlink('a', '')],
  ['TREE_LINK_TARGET', symlink('a', 'b\0c')],
  ['TREE_LINK_TARGET', symlink('a', '', { linkTarget: undefined })],
])('%s for what cannot be made', async (code, entry) => {
  await expect(restore([entry])).rejects.toMatchObject({ code, entry: 'a' });
  expect(contentsOf(target)).toEqual({});
});

test('an error of the system says which entry it was, in one line', async () => {
  const name = `${'x'.repeat(300)}\n`;
  await expect(restore([file(`a/${name}`)])).rejects.toMatchObject({
    code: 'TREE_SYSTEM',
    entry: `a/${name}`,
    message: expect.stringMatching(/^a\/x+… cannot be restored: ENAMETOOLONG: [^\n]*$/),
    cause: { code: 'ENAMETOOLONG' },
  });
});

test('a deep path takes descriptors for as long as the run is in it', async () => {
  const deep = Array.from({ length: 300 }, (_, index) => `${index}`).join('/');
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  await restore([file(`${deep}/f`, 'x'), file('g', 'y'), hardlink('h', `${deep}/f`)]);
  expect(open()).toBe(before);
  await expect(restore([file(`${deep}/f`)])).rejects.toMatchObject({ code: 'TREE_EXISTS' });
  expect(open()).toBe(before);
});
