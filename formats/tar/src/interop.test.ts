import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readAccounts, restoreTree, walk } from '@vzdump-format/file-tree';
import { chunked, collect, testInDirectory } from '@vzdump-format/testing';
import { describe, expect } from 'vitest';
import { unpackTar } from './read/unpack.js';
import { goldenArchive } from './testing/archives.js';
import { runTool, treeOf } from './testing/tools.js';
import { packTar } from './write/pack.js';

/** The options of pct restore. */
const PCT_RESTORE = [
  ...['xpf', '-', '--totals', '--one-file-system', '-p', '--sparse', '--numeric-owner', '--acls', '--xattrs'],
  ...['--xattrs-include=user.*', '--xattrs-include=security.capability'],
  ...['--warning=no-file-ignored', '--warning=no-xattr-write'],
];
const PCT_RESTORE_REST = ['--skip-old-files', '--anchored', '--exclude', './dev/*'];
const TOOLS = ['tar', 'bsdtar', 'find', 'getfattr', 'getfacl'];
const VZDUMP_ARCHIVES = ['vzdump-full', 'vzdump-attributes', 'vzdump-sparse'];

function restoreLikePct(archive: Uint8Array, directory: string): void {
  mkdirSync(directory);
  runTool('tar', [...PCT_RESTORE, '-C', directory, ...PCT_RESTORE_REST], archive);
}

function restoreWithBsdtar(archive: Uint8Array, directory: string): void {
  mkdirSync(directory);
  // It cannot turn names that are not UTF-8 into names of the locale, says so, restores them and ends with 1.
  runTool('bsdtar', ['-xpf', '-', '--acls', '--xattrs', '-C', directory], archive, [0, 1]);
}

async function repacked(archive: Uint8Array): Promise<Buffer> {
  return collect(packTar(unpackTar(chunked(archive, 65536))));
}

describe('what we pack is restored', () => {
  for (const name of VZDUMP_ARCHIVES) {
    testInDirectory(['root', ...TOOLS], `by pct restore's command: ${name}`, async (directory) => {
      const archive = goldenArchive(name);
      restoreLikePct(archive, join(directory, 'theirs'));
      restoreLikePct(await repacked(archive), join(directory, 'ours'));
      const theirs = treeOf(join(directory, 'theirs'));
      expect(Object.keys(theirs).length).toBeGreaterThan(3);
      expect(treeOf(join(directory, 'ours'))).toEqual(theirs);
    });

    testInDirectory(['root', ...TOOLS], `by bsdtar: ${name}`, async (directory) => {
      const archive = goldenArchive(name);
      restoreWithBsdtar(archive, join(directory, 'theirs'));
      restoreWithBsdtar(await repacked(archive), join(directory, 'ours'));
      expect(treeOf(join(directory, 'ours'))).toEqual(treeOf(join(directory, 'theirs')));
    });
  }

  testInDirectory(['root', ...TOOLS], 'with its holes', async (directory) => {
    restoreLikePct(await repacked(goldenArchive('vzdump-sparse')), join(directory, 'ours'));
    const { size, blocks } = statSync(join(directory, 'ours/wide'));
    expect(size).toBe(9 * 2 ** 30);
    expect(blocks * 512).toBeLessThan(1 << 20);
  });

  testInDirectory(
    ['root', ...TOOLS],
    'with configuration first, which pct reads by name',
    async (directory) => {
      const config = Buffer.from('arch: amd64\nhostname: ct\n');
      const first = [
        { path: 'etc/vzdump/pct.conf', data: config },
        { path: 'etc/vzdump/pct.fw', data: Buffer.alloc(0) },
      ];
      const archive = await collect(
        packTar(unpackTar(chunked(goldenArchive('vzdump-full'), 4096)), { first }),
      );
      const file = join(directory, 'archive.tar');
      writeFileSync(file, archive);
      const listed = runTool('tar', ['-tf', file]).toString().split('\n');
      expect(listed.slice(0, 3)).toEqual(['./etc/vzdump/pct.conf', './etc/vzdump/pct.fw', './']);
      expect(runTool('tar', ['-xpOf', file, './etc/vzdump/pct.conf', '--occurrence'])).toEqual(config);
      restoreLikePct(archive, join(directory, 'restored'));
      expect(
        runTool('stat', ['-c', '%a %u %g', join(directory, 'restored/etc/vzdump/pct.conf')]).toString(),
      ).toBe('644 0 0\n');
    },
  );
});

describe('trees on disk', () => {
  /** A tree that GNU tar restored. */
  function makeTree(directory: string, name: string): string {
    const tree = join(directory, name);
    restoreLikePct(goldenArchive(name), tree);
    return tree;
  }

  for (const name of VZDUMP_ARCHIVES) {
    testInDirectory(
      ['root', ...TOOLS],
      `walked and packed by us, restored like pct does: ${name}`,
      async (directory) => {
        const tree = makeTree(directory, name);
        restoreLikePct(await collect(packTar(walk(tree))), join(directory, 'restored'));
        expect(treeOf(join(directory, 'restored'))).toEqual(treeOf(tree));
      },
    );

    testInDirectory(
      ['root', ...TOOLS],
      `packed by GNU tar as vzdump does, restored by us: ${name}`,
      async (directory) => {
        const tree = makeTree(directory, name);
        const options = ['--one-file-system', '-p', '--sparse', '--numeric-owner', '--acls', '--xattrs'];
        const includes = ['--xattrs-include=user.*', '--xattrs-include=security.capability'];
        const archive = runTool('tar', ['cpf', '-', ...options, ...includes, '-C', tree, './']);
        const restored = join(directory, 'restored');
        mkdirSync(restored);
        await restoreTree(unpackTar(chunked(archive, 65536)), restored, { accounts: readAccounts() });
        expect(treeOf(restored)).toEqual(treeOf(tree));
      },
    );

    testInDirectory(['root', ...TOOLS], `packed by bsdtar, restored by us: ${name}`, async (directory) => {
      const tree = makeTree(directory, name);
      const archive = runTool('bsdtar', ['-cf', '-', '--format=pax', '--acls', '--xattrs', '-C', tree, '.']);
      const restored = join(directory, 'restored');
      mkdirSync(restored);
      await restoreTree(unpackTar(chunked(archive, 65536)), restored, { accounts: readAccounts() });
      expect(treeOf(restored)).toEqual(treeOf(tree));
    });
  }

  testInDirectory(['tar'], 'a part of this system, which GNU tar compares with what we packed', async () => {
    const tree = ['/usr/share/zoneinfo', '/usr/share/perl', '/usr/share/doc'].find(existsSync)!;
    const compare = spawn('tar', ['--compare', '--file=-', '--numeric-owner', `--directory=${tree}`]);
    const complaints: Buffer[] = [];
    compare.stdout.on('data', (text: Buffer) => complaints.push(text));
    compare.stderr.on('data', (text: Buffer) => complaints.push(text));
    await pipeline(packTar(walk(tree)), compare.stdin);
    const [status] = (await once(compare, 'close')) as [number];
    expect(Buffer.concat(complaints).toString()).toBe('');
    expect(status).toBe(0);
  });

  testInDirectory(['tar', 'python3'], 'a socket is left out, and told', async (directory) => {
    writeFileSync(join(directory, 'file'), 'x');
    runTool('python3', [
      '-c',
      'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
      join(directory, 's'),
    ]);
    const warnings: string[] = [];
    const archive = await collect(
      packTar(walk(directory), { onWarning: ({ code, entry }) => warnings.push(`${code} ${entry}`) }),
    );
    expect(warnings).toEqual(['TAR_SOCKET s']);
    expect(runTool('tar', ['-tf', '-'], archive).toString()).toBe('./\n./file\n');
  });
});
