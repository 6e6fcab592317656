import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { allowNativeCalls, openDirectory, pathToBytes } from '@vzdump-format/posix';
import { asUser, testInDirectory, testOnFileSystem, withDirectory } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { ExcludeRules } from '../excludes/excludes.js';
import { runTool } from '../testing/tools.js';
import { type Walked, walked } from '../testing/walked.js';
import { walk } from './walk.js';

/** A disk's file system, as a rule, and one in memory. */
const PARENTS = [tmpdir(), '/dev/shm'].filter((path) => existsSync(path));

/**
 * Files with their own path as content, and the directories above them; with a slash at the end, directories.
 */
function plant(root: string, ...paths: string[]): void {
  for (const path of paths) {
    const target = pathToBytes(join(root, path));
    mkdirSync(pathToBytes(join(root, path.endsWith('/') ? path : dirname(path))), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(target, path);
  }
}

describe('the order', () => {
  test('is depth first, the directory before what is in it, by bytes', async () => {
    await withDirectory(async (root) => {
      plant(root, 'b', 'a/z', 'a/b/c', 'a-', 'a.b/x', 'B', 'aa/', '~', ' ', 'a/a');
      const { paths } = await walked(root);
      expect(paths).toEqual([
        '',
        ' ',
        'B',
        'a',
        'a/a',
        'a/b',
        'a/b/c',
        'a/z',
        'a-',
        'a.b',
        'a.b/x',
        'aa',
        'b',
        '~',
      ]);
    });
  });

  test('of names that are not ASCII is that of their bytes, too', async () => {
    await withDirectory(async (root) => {
      const names = ['z', 'é', '\u{1f480}', '\uffee', '\udc80', '\udcff', '\ud7ff', 'a\u{1f480}', 'a\uffee'];
      plant(root, ...names);
      const { paths } = await walked(root);
      const bytes = paths.map(pathToBytes);
      expect(paths).toHaveLength(names.length + 1);
      expect(bytes).toEqual(bytes.toSorted(Buffer.compare));
      expect(paths.indexOf('\udc80')).toBeLessThan(paths.indexOf('é'));
      expect(paths.indexOf('\uffee')).toBeLessThan(paths.indexOf('\u{1f480}'));
    });
  });

  test('does not depend on how the tree came to be', async () => {
    await withDirectory(async (root) => {
      const names = Array.from({ length: 100 }, (_, index) => `${(index * 7919) % 100}`);
      plant(root, ...names.map((name) => `a/${name}`), ...names.toReversed().map((name) => `b/${name}`));
      const { paths } = await walked(root);
      const below = (directory: string) =>
        paths.filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(2));
      expect(below('a')).toHaveLength(100);
      expect(below('a')).toEqual(below('b'));
    });
  });
});

describe.each(PARENTS)('below %s', (parent) => {
  testInDirectory(['root'], 'each type has what it has', async () => {
    await withDirectory(async (root) => {
      chmodSync(root, 0o1777);
      chownSync(root, 3, 4);
      plant(root, 'file', 'directory/');
      chownSync(join(root, 'file'), 70_000, 80_000);
      chmodSync(join(root, 'file'), 0o6711);
      chmodSync(join(root, 'directory'), 0o2700);
      symlinkSync(pathToBytes('../\udcff/é'), join(root, 'symlink'));
      const directory = openDirectory(root);
      directory.setOwner('symlink', 5, 6);
      directory.setTimes('symlink', 'now', -1_500_000_000n);
      directory.setTimes('file', 'now', 5_000_000_000_123_456_789n);
      directory.makeNode('block', 'block', 0o600, { major: 259, minor: 300 });
      directory.makeNode('char', 'char', 0o600, { major: 1, minor: 3 });
      directory.setMode('char', 0o620);
      directory.makeNode('fifo', 'fifo', 0o600);
      directory.makeNode('socket', 'socket', 0o700);
      directory.close();

      const { entries, warnings, at } = await walked(root);
      expect(warnings).toEqual([]);
      expect(entries).toHaveLength(8);
      expect(at('')).toMatchObject({ type: 'directory', mode: 0o1777, uid: 3, gid: 4, size: 0 });
      expect(at('directory')).toMatchObject({ type: 'directory', mode: 0o2700, size: 0 });
      expect(at('file')).toMatchObject({
        ...{ type: 'file', mode: 0o6711, uid: 70_000, gid: 80_000, size: 4, links: 1 },
        bytes: Buffer.from('file'),
      });
      expect(at('symlink')).toMatchObject({
        type: 'symlink',
        linkTarget: '../\udcff/é',
        uid: 5,
        gid: 6,
        size: 0,
      });
      expect(at('symlink').mtime).toBe(-1_500_000_000n);
      expect(at('file').mtime).toBe(5_000_000_000_123_456_789n);
      expect(at('block')).toMatchObject({ type: 'block', device: { major: 259, minor: 300 } });
      expect(at('char')).toMatchObject({ type: 'char', mode: 0o620, device: { major: 1, minor: 3 } });
      expect(at('fifo')).toMatchObject({ type: 'fifo', mode: 0o600, device: undefined });
      expect(at('socket')).toMatchObject({ type: 'socket', device: undefined });
      for (const path of ['', 'directory', 'symlink', 'block', 'fifo', 'socket']) {
        expect(at(path).content).toBeUndefined();
      }
    }, parent);
  });

  testInDirectory(['root'], 'other names of a file are links to the first', async () => {
    await withDirectory(async (root) => {
      plant(root, 'b/file', 'c/', 'single');
      linkSync(join(root, 'b/file'), join(root, 'a'));
      linkSync(join(root, 'b/file'), join(root, 'c/d'));
      symlinkSync('nowhere', join(root, 'l1'));
      const directory = openDirectory(root);
      directory.makeLink('l2', directory, 'l1');
      directory.makeNode('n1', 'char', 0o600, { major: 1, minor: 3 });
      directory.makeLink('n2', directory, 'n1');
      directory.close();

      const all = await walked(root);
      expect(all.at('a')).toMatchObject({ type: 'file', bytes: Buffer.from('b/file'), links: 3 });
      expect(all.at('b/file')).toMatchObject({
        type: 'hardlink',
        linkTarget: 'a',
        size: 0,
        content: undefined,
      });
      expect(all.at('c/d')).toMatchObject({ type: 'hardlink', linkTarget: 'a' });
      expect(all.at('l1')).toMatchObject({ type: 'symlink', linkTarget: 'nowhere' });
      expect(all.at('l2')).toMatchObject({ type: 'hardlink', linkTarget: 'l1' });
      expect(all.at('n2')).toMatchObject({ type: 'hardlink', linkTarget: 'n1', device: undefined });
      expect(all.at('single')).toMatchObject({ type: 'file', links: 1 });

      const filesOnly = await walked(root, { hardlinks: 'files' });
      expect(filesOnly.at('c/d')).toMatchObject({ type: 'hardlink', linkTarget: 'a' });
      expect(filesOnly.at('l2')).toMatchObject({ type: 'symlink', linkTarget: 'nowhere' });
      expect(filesOnly.at('n2')).toMatchObject({ type: 'char', device: { major: 1, minor: 3 } });

      const withoutFirst = await walked(root, { excludes: { excludes: (path) => path === 'a' } });
      expect(withoutFirst.at('b/file')).toMatchObject({ type: 'file', bytes: Buffer.from('b/file') });
      expect(withoutFirst.at('c/d')).toMatchObject({ type: 'hardlink', linkTarget: 'b/file' });
    }, parent);
  });
});

testInDirectory(['root', 'sh'], 'a tree far deeper than files can be open', async () => {
  await withDirectory(async (root) => {
    const depth = 5000;
    let directory = openDirectory(root);
    for (let level = 0; level < depth; level++) {
      if (level % 50 === 0) directory.makeSymlink('x', 'z');
      directory.makeDirectory('d', 0o755);
      const inner = directory.openDirectory('d');
      directory.close();
      directory = inner;
    }
    directory.close();
    let mostOpen = 0;
    const before = readdirSync('/proc/self/fd').length;
    let deepest = 0;
    let links = 0;
    let last = '';
    for await (const { path, type } of walk(root)) {
      if (type === 'symlink') links++;
      deepest = Math.max(deepest, path.length);
      last = path;
      if (path.length % 100 === 1)
        mostOpen = Math.max(mostOpen, readdirSync('/proc/self/fd').length - before);
    }
    expect(deepest).toBe(depth * 2 - 1);
    expect(links).toBe(depth / 50);
    expect(last).toBe('z');
    expect(mostOpen).toBeGreaterThan(10);
    expect(mostOpen).toBeLessThanOrEqual(70);
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
    runTool('rm', ['-rf', root]);
  }, PARENTS.at(-1));
});

describe('what others do meanwhile', () => {
  test('a file and a directory are gone', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a', 'b', 'c/d', 'e');
      symlinkSync('x', join(root, 'l'));
      const { paths, warnings } = await walked(root, {
        onEntry: ({ path }) => {
          if (path !== 'a') return;
          for (const name of ['b', 'c', 'l']) rmSync(join(root, name), { recursive: true });
        },
      });
      expect(paths).toEqual(['', 'a', 'e']);
      const left = 'was removed or replaced before it was read: it is left out';
      expect(warnings).toEqual(
        ['b', 'c', 'l'].map((path) => ({ code: 'TREE_VANISHED', message: `${path} ${left}`, entry: path })),
      );
    });
  });

  test('links put in the place of files and directories are not followed', async () => {
    await withDirectory(async (parent) => {
      const root = join(parent, 'tree');
      plant(parent, 'outside/secret', 'tree/a', 'tree/dir/x', 'tree/file', 'tree/z');
      const { paths, warnings, entries } = await walked(root, {
        onEntry: ({ path }) => {
          if (path !== 'a') return;
          rmSync(join(root, 'dir'), { recursive: true });
          rmSync(join(root, 'file'));
          symlinkSync('../outside', join(root, 'dir'));
          symlinkSync('../outside/secret', join(root, 'file'));
        },
      });
      expect(paths).toEqual(['', 'a', 'z']);
      expect(warnings.map(({ code, entry }) => [code, entry])).toEqual([
        ['TREE_VANISHED', 'dir'],
        ['TREE_VANISHED', 'file'],
      ]);
      expect(entries.map(({ bytes }) => bytes?.toString()).join()).not.toContain('secret');
    });
  });

  testInDirectory(['root'], 'a FIFO put in the place of a file is not waited for', async (root) => {
    plant(root, 'a', 'b', 'c');
    const { paths, warnings } = await walked(root, {
      onEntry: ({ path }) => {
        if (path !== 'a') return;
        unlinkSync(join(root, 'b'));
        const directory = openDirectory(root);
        directory.makeNode('b', 'fifo', 0o600);
        directory.close();
      },
    });
    expect(paths).toEqual(['', 'a', 'c']);
    expect(warnings).toMatchObject([{ code: 'TREE_VANISHED', entry: 'b' }]);
  });

  test('a directory that is moved while the walk is in it is read on: it is still the same', async () => {
    await withDirectory(async (root) => {
      plant(root, 'tree/a/1', 'tree/a/2', 'tree/b');
      const { paths, warnings } = await walked(join(root, 'tree'), {
        onEntry: ({ path }) => {
          if (path === 'a/1') renameSync(join(root, 'tree/a'), join(root, 'moved'));
        },
      });
      expect(paths).toEqual(['', 'a', 'a/1', 'a/2', 'b']);
      expect(warnings).toEqual([]);
    });
  });

  test('one that was closed meanwhile is not looked for', async () => {
    await withDirectory(async (root) => {
      const deep = Array.from({ length: 100 }, (_, level) => `d${level}`);
      const tree = join(root, 'tree');
      plant(tree, join(...deep, 'file'), join(...deep.slice(0, 3), 'z/after'), 'd0/z', 'z');
      plant(root, 'decoy/d2/z/decoy');
      const { paths, warnings } = await walked(tree, {
        onEntry: ({ path }) => {
          if (!path.endsWith('/file')) return;
          renameSync(join(tree, 'd0/d1'), join(root, 'moved'));
          renameSync(join(root, 'decoy'), join(tree, 'd0/d1'));
        },
      });
      expect(warnings).toEqual([
        {
          code: 'TREE_MOVED',
          message: 'd0/d1 was moved while it was read: what was left in it is left out',
          entry: 'd0/d1',
        },
      ]);
      expect(paths.slice(-3)).toEqual([join(...deep, 'file'), 'd0/z', 'z']);
    });
  });

  testInDirectory(['root'], 'one that was closed meanwhile, and may not be opened again', async (root) => {
    const deep = Array.from({ length: 100 }, (_, level) => `d${level}`);
    plant(root, join(...deep, 'file'), join(...deep.slice(0, 3), 'z/after'), 'd0/z', 'z');
    chmodSync(root, 0o755);
    let result: Walked | undefined;
    await asUser(65_534, 65_534, async () => {
      result = await walked(root, {
        onEntry: ({ path }) => {
          if (!path.endsWith('/file')) return;
          process.seteuid!(0);
          chmodSync(join(root, 'd0/d1'), 0);
          process.seteuid!(65_534);
        },
      });
    });
    expect(result!.warnings).toEqual([
      {
        code: 'TREE_UNREADABLE',
        entry: 'd0/d1',
        message: expect.stringMatching(
          /^d0\/d1 can no longer be read: what was left in it is left out: EACCES: permission denied, /,
        ),
      },
    ]);
    expect(result!.paths.slice(-3)).toEqual([join(...deep, 'file'), 'd0/z', 'z']);
  });

  test('names added to a directory that was read are not looked for', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a', 'b');
      const { paths, warnings } = await walked(root, {
        onEntry: ({ path }) => {
          if (path === 'a') plant(root, 'aa');
        },
      });
      expect([paths, warnings]).toEqual([['', 'a', 'b'], []]);
    });
  });
});

describe('without the rights', () => {
  testInDirectory(['root'], 'files and directories are left out, which is said', async (root) => {
    plant(root, 'a', 'closed/x', 'listed/y', 'secret', 'z');
    chmodSync(join(root, 'closed'), 0o000);
    chmodSync(join(root, 'listed'), 0o004); // its names can be read, and nothing else
    chmodSync(join(root, 'secret'), 0o600);
    chmodSync(root, 0o755);
    let result: Walked | undefined;
    await asUser(65_534, 65_534, async () => {
      result = await walked(root);
    });
    const { paths, warnings, at } = result!;
    expect(paths).toEqual(['', 'a', 'closed', 'listed', 'z']);
    expect(at('closed')).toMatchObject({ type: 'directory', mode: 0 });
    expect(warnings).toMatchObject([
      {
        code: 'TREE_UNREADABLE',
        entry: 'closed',
        message: expect.stringContaining('is empty in the archive: EACCES'),
      },
      { code: 'TREE_UNREADABLE', entry: 'listed/y', message: expect.stringContaining('is left out: EACCES') },
      { code: 'TREE_UNREADABLE', entry: 'secret', message: expect.stringContaining('is left out: EACCES') },
    ]);
  });
});

describe('the root', () => {
  test('may be named by a link, with a slash at its end', async () => {
    await withDirectory(async (root) => {
      plant(root, 'tree/a');
      symlinkSync('tree', join(root, 'link'));
      expect((await walked(`${join(root, 'link')}/`)).paths).toEqual(['', 'a']);
    });
  });

  test('has to be a directory that is there', async () => {
    await withDirectory(async (root) => {
      plant(root, 'file');
      await expect(walked(join(root, 'file'))).rejects.toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
      await expect(walked(join(root, 'none'))).rejects.toThrow(expect.objectContaining({ code: 'ENOENT' }));
    });
  });

  test('may be excluded, and then there is nothing', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a');
      expect((await walked(root, { excludes: { excludes: () => true } })).paths).toEqual([]);
    });
  });
});

describe('excludes', () => {
  test('are asked once for each path, and not below what is excluded', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a', 'out/x', 'in/y', 'in/out');
      const asked: string[] = [];
      const excludes = (path: string, isDirectory: boolean) => {
        asked.push(isDirectory ? `${path}/` : path);
        return path.endsWith('out');
      };
      const { paths } = await walked(root, { excludes: { excludes } });
      expect(paths).toEqual(['', 'a', 'in', 'in/y']);
      expect(asked).toEqual(['/', 'a', 'in/', 'in/out', 'in/y', 'out/']);
    });
  });

  test('may come with the directories, in files that are regular and not too large', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a/x', 'b/.rules', 'c/.rules', 'd/.rules/', 'e/x');
      symlinkSync('../b/.rules', join(root, 'e/.rules'));
      writeFileSync(join(root, 'c/.rules'), 'x'.repeat(11));
      const read: [string, string | undefined][] = [];
      const rules: ExcludeRules = {
        excludes: () => false,
        within: (directory, readFile) => {
          read.push([directory, readFile('.rules', 10)?.toString()]);
          return rules;
        },
      };
      const { warnings } = await walked(root, { excludes: rules });
      expect(read).toEqual([
        ['', undefined],
        ['a', undefined],
        ['b', 'b/.rules'],
        ['c', undefined],
        ['d', undefined],
        ['d/.rules', undefined],
        ['e', undefined],
      ]);
      expect(warnings).toEqual([]);
    });
  });
});

describe('file systems', () => {
  const TMPFS = { type: 'tmpfs' };

  testOnFileSystem('those below are not entered, but when they are a source', TMPFS, async (mounted) => {
    const root = dirname(mounted);
    plant(root, 'a', 'mounted/x', 'z');
    expect((await walked(root)).paths).toEqual(['', 'a', 'mounted', 'z']);
    expect((await walked(root)).at('mounted').mode).toBe(statSync(mounted).mode & 0o7777);
    const sources = ['', './mounted'];
    expect((await walked(root, { sources })).paths).toEqual([
      '',
      'a',
      'mounted',
      'z',
      'mounted',
      'mounted/x',
    ]);
    expect((await walked(root, { includedMounts: ['/mounted'] })).paths).toEqual([
      ...['', 'a', 'mounted', 'mounted/x', 'z'],
    ]);
    expect((await walked(root, { allFileSystems: true })).paths).toContain('mounted/x');
  });

  testOnFileSystem(
    'virtual ones are never entered when they are to be skipped',
    { type: 'proc' },
    async (mounted) => {
      const root = dirname(mounted);
      plant(root, 'a');
      expect((await walked(root, { allFileSystems: true, skipVirtual: true })).paths).toEqual([
        '',
        'a',
        'mounted',
      ]);
      await expect(walked(mounted, { skipVirtual: true })).rejects.toThrow(
        expect.objectContaining({ code: 'TREE_VIRTUAL', entry: mounted }),
      );
    },
  );

  testOnFileSystem('hard links are those of one file system', TMPFS, async (mounted) => {
    const root = dirname(mounted);
    plant(root, 'a/1', 'mounted/1');
    linkSync(join(root, 'a/1'), join(root, 'a/2'));
    linkSync(join(mounted, '1'), join(mounted, '2'));
    const { at } = await walked(root, { allFileSystems: true });
    expect(at('a/2').linkTarget).toBe('a/1');
    expect(at('mounted/2').linkTarget).toBe('mounted/1');
  });
});

describe('sources', () => {
  test('are walked one after the other, each with its directories', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a/b/c', 'a/d', 'e/f');
      expect((await walked(root, { sources: ['a/b', '/e/', 'a'] })).paths).toEqual([
        ...['a/b', 'a/b/c', 'e', 'e/f', 'a', 'a/b', 'a/b/c', 'a/d'],
      ]);
    });
  });

  test('that are excluded, or in what is, are left out', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a/b/c', 'e/f');
      const excludes = { excludes: (path: string) => path === 'a' };
      expect((await walked(root, { sources: ['a', 'a/b', 'e'], excludes })).paths).toEqual(['e', 'e/f']);
    });
  });

  test('have to be directories in the tree, reached without a link', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a/b', 'outside/');
      symlinkSync('/', join(root, 'a/link'));
      const code = (source: string) =>
        walked(root, { sources: [source] }).then(
          () => 'none',
          (error) => error.code,
        );
      expect(await code('..')).toBe('TREE_SOURCE');
      expect(await code('a/../..')).toBe('TREE_SOURCE');
      expect(await code('a\0')).toBe('TREE_SOURCE');
      expect(await code('a/link')).toBe('ENOTDIR');
      expect(await code('a/link/etc')).toBe('ENOTDIR');
      expect(await code('a/b')).toBe('ENOTDIR');
      expect(await code('none')).toBe('ENOENT');
    });
  });
});

describe('a walk that ends early', () => {
  test('closes what it had open', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a/b/c/d/e', 'z');
      writeFileSync(join(root, 'a/b/c/d/large'), Buffer.alloc(200_000));
      const before = readdirSync('/proc/self/fd').length;
      for await (const { path } of walk(root)) if (path.endsWith('large')) break;
      expect(readdirSync('/proc/self/fd')).toHaveLength(before);
      await expect(walked(root, { sources: ['', 'none'] })).rejects.toThrow('ENOENT');
      expect(readdirSync('/proc/self/fd')).toHaveLength(before);
    });
  });

  test('does so at a signal', async () => {
    await withDirectory(async (root) => {
      plant(root, 'a', 'b', 'c');
      const aborter = new AbortController();
      const seen: string[] = [];
      const onEntry = ({ path }: { path: string }) => {
        seen.push(path);
        if (path === 'a') aborter.abort();
      };
      await expect(walked(root, { signal: aborter.signal, onEntry })).rejects.toThrow('aborted');
      expect(seen).toEqual(['', 'a']);
      await expect(walked(root, { signal: aborter.signal, onEntry })).rejects.toThrow('aborted');
      expect(seen).toEqual(['', 'a']);
    });
  });
});

test('timers run while a tree is walked', async () => {
  await withDirectory(async (root) => {
    plant(root, ...Array.from({ length: 300 }, (_, index) => `${index}`));
    let ran = false;
    setTimeout(() => {
      ran = true;
    }, 0);
    // More work than a turn of the event loop may take: it ends only when the timer ran.
    while (!ran) for await (const _ of walk(root));
    expect(ran).toBe(true);
  });
});

test('without native calls it works as far as it can, and says so', async () => {
  await withDirectory(async (root) => {
    plant(root, 'a/b', 'c', '\udcff/é');
    writeFileSync(join(root, 'large'), Buffer.alloc(200_000, 'x'));
    symlinkSync('c', join(root, 'l'));
    linkSync(join(root, 'c'), join(root, 'h'));
    runTool('truncate', ['--size=1M', join(root, 'sparse')]);
    const native = await walked(root, {
      flags: true,
      quotaProjects: true,
      allFileSystems: true,
      skipVirtual: true,
    });
    allowNativeCalls(false);
    try {
      const portable = await walked(root, { flags: true, quotaProjects: true, skipVirtual: true });
      expect(portable.warnings).toEqual([
        { code: 'TREE_SYSTEM_LACKS', message: expect.stringContaining('without native calls') },
      ]);
      expect(portable.paths).toEqual(native.paths);
      for (const [index, entry] of portable.entries.entries()) {
        const { flags: _, extents, bytes, ...rest } = native.entries[index]!;
        expect({ ...entry, content: undefined, bytes: undefined }).toMatchObject({
          ...rest,
          content: undefined,
        });
        if (extents === undefined) expect(entry.bytes?.toString('latin1')).toBe(bytes?.toString('latin1'));
      }
      expect(portable.at('sparse').bytes!.equals(Buffer.alloc(1 << 20))).toBe(true);
    } finally {
      allowNativeCalls(true);
    }
  });
});
