import { appendFile, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keptScratch, runTool, scratch, testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { nameIn, PARTIAL } from '../support/partial-files.js';
import { linesOf, runCli, runCliWell, startCli } from '../support/running-cli.js';

/** Larger than what is read from its beginning without more ado. */
const LARGE = 70 << 20;
const LAST = 'the last file\n';
const MAKING = /^making an index of .*a\.tar\.zst, so that .*; --no-index reads from the start instead$/;

const LINES = Array.from({ length: 1 << 20 }, (_, line) => `line ${(line * 7919) % 50_021}\n`).join('');

const kept = keptScratch();
const TOOLS = ['zstd', 'tar'];

beforeAll(async () => {
  await kept.make();
  await runTool('mkdir', kept.path('tree'), kept.path('small'));
  await writeNoise(kept.path('tree/large'), LARGE);
  await appendFile(kept.path('tree/large'), LINES); // which refer to what comes before them
  await writeNoise(kept.path('drive'), LARGE);
  await writeNoise(kept.path('small-drive'), 1 << 20);
  for (const tree of ['tree', 'small']) await writeFile(kept.path(`${tree}/zz-last`), LAST);
});
afterAll(() => kept.remove());

/** An archive of the real programs in a directory of its own, and a cache that is nobody else's. */
async function foreign(tree = 'tree', compressor = 'zstd -q -1') {
  const directory = await scratch();
  const path = join(directory, compressor.startsWith('zstd') ? 'a.tar.zst' : 'a.tar.gz');
  await runTool('sh', '-c', `tar -C "$1" -cf - . | ${compressor} > "$2"`, 'sh', kept.path(tree), path);
  return { path, directory, env: { XDG_CACHE_HOME: join(directory, 'cache') } };
}

async function damage(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(100, 0x55), 0, 100, offset);
  await file.close();
}

describe('cat of a file in a large archive of another program', () => {
  for (const compressor of ['zstd -q -1', 'gzip -1']) {
    testWith(
      ['gzip', ...TOOLS],
      `makes an index, tells it, and uses it from then on: ${compressor}`,
      async () => {
        const { path, env } = await foreign('tree', compressor);
        const first = await runCli(['cat', path, 'zz-last'], { env });
        expect([first.stdout.toString(), first.status]).toEqual([LAST, 0]);
        expect(linesOf(first.stderr)).toEqual([expect.stringMatching(/^making an index of /)]);
        // which is no matter to whoever does not read it
        for (const offset of [3 << 20, 30 << 20]) await damage(path, offset);
        const later = await runCli(['cat', path, 'zz-last'], { env });
        expect([later.stdout.toString(), later.stderr, later.status]).toEqual([LAST, '', 0]);
        expect((await runCli(['verify', path], { env })).status).toBe(1);
      },
    );
  }

  testWith(TOOLS, 'makes none with --no-index, nor of one that is small', async () => {
    const { path, directory, env } = await foreign();
    const small = await foreign('small');
    for (const args of [[path, '--no-index'], [small.path]]) {
      const { stdout, stderr, status } = await runCli(['cat', args[0]!, 'zz-last', ...args.slice(1)], {
        env,
      });
      expect([stdout.toString(), stderr, status]).toEqual([LAST, '', 0]);
    }
    expect(await readdir(directory)).toEqual(['a.tar.zst']);
    expect(await readdir(small.directory)).toEqual(['a.tar.zst']);
  });

  testWith(TOOLS, 'keeps it where --index-dir says, and is silent with --quiet', async () => {
    const { path, directory, env } = await foreign();
    const indexes = join(directory, 'indexes');
    const args = ['cat', path, 'zz-last', '--index-dir', indexes, '--quiet'];
    const { stdout, stderr } = await runCli(args, { env });
    expect([stdout.toString(), stderr]).toEqual([LAST, '']);
    expect(await readdir(indexes)).toEqual(['a.tar.zst.idx']);
    expect((await readdir(directory)).sort()).toEqual(['a.tar.zst', 'indexes']);
  });

  testWith(TOOLS, 'makes one that is stale anew, and says so', async () => {
    const { path, env } = await foreign();
    await runCliWell(['index', path], { env });
    await runTool('zstd', '-q', '-d', path, '-o', `${path}.plain`);
    await runTool('zstd', '-q', '-f', '-3', '--no-check', `${path}.plain`, '-o', path);
    const stale = await runCli(['cat', path, 'zz-last'], { env });
    expect([stale.stdout.toString(), stale.status]).toEqual([LAST, 3]);
    expect(stale.stderr).toMatch(/^vzdump-format: warning: .*\.idx: the index belongs to another file/);
    const later = await runCli(['cat', path, 'zz-last'], { env });
    expect([later.stderr, later.status]).toEqual(['', 0]);
  });

  testWith(TOOLS, 'reads from the beginning what no index can be made of', async () => {
    const { path, env } = await foreign();
    await writeFile(`${path}.idx`, 'of another program');
    const { stdout, stderr, status } = await runCli(['cat', path, 'zz-last', '--json'], { env });
    expect([stdout.toString(), status]).toEqual([LAST, 3]);
    const codes = linesOf(stderr).map((line) => JSON.parse(line).code);
    expect(codes).toEqual(['INDEX_DAMAGED', 'INDEX_NOT_MADE']);
    expect(await readFile(`${path}.idx`, 'utf8')).toBe('of another program');
  });

  testWith(['gzip', 'tar'], 'tells the way out when the index turns out to be wrong', async () => {
    const { path, directory, env } = await foreign('tree', 'gzip -1');
    await runCliWell(['index', path], { env });
    await damage(`${path}.idx`, 20); // in the first dictionary
    const { stderr, status } = await runCli(['cat', path, 'large'], { env });
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^vzdump-format: .*a\.tar\.gz: the index cannot be used: /),
      'hint: read it with --no-index, or make the index anew: index --force',
    ]);
    expect(status).toBe(1);
    const all = await runCli(['unpack', path, '--to', join(directory, 'all')], { env });
    expect([all.status, linesOf(all.stderr)[0]]).toEqual([
      3,
      expect.stringMatching(
        /^vzdump-format: warning: the index of .* is wrong: it is read from its beginning/,
      ),
    ]);
    await runTool('diff', '-r', kept.path('tree'), join(directory, 'all'));
  });

  testWith(TOOLS, 'leaves nothing when it is interrupted', async () => {
    const { path, directory, env } = await foreign();
    const running = startCli(['cat', path, 'zz-last'], { env });
    await nameIn(directory, PARTIAL);
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(130);
    expect(await readdir(directory)).toEqual(['a.tar.zst']);
  });
});

testWith(TOOLS, 'index of several archives tells which of how many has its turn', async () => {
  const archives = [await foreign(), await foreign()];
  const paths = archives.map(({ path }) => path);
  const { stderr } = await runCli(['index', ...paths, '--progress=json', '--quiet']);
  const turns = linesOf(stderr).map((line) => {
    const { archive, archives: all, percent } = JSON.parse(line);
    return `${archive} of ${all}: ${percent}`;
  });
  expect(turns).toEqual(expect.arrayContaining(['1 of 2: 100', '2 of 2: 100']));
});

describe('an index is made', () => {
  testWith(TOOLS, 'by unpack of a pattern, and not by what reads all of it', async () => {
    const { path, directory, env } = await foreign();
    await runCliWell(['list', path], { env });
    await runCliWell(['unpack', path, '--to', join(directory, 'all')], { env });
    await runCliWell(['verify', path], { env });
    expect((await readdir(directory)).sort()).toEqual(['a.tar.zst', 'all']);
    await runCliWell(['unpack', path, 'zz-last', '--to', join(directory, 'last')], { env });
    expect((await readdir(directory)).sort()).toEqual(['a.tar.zst', 'a.tar.zst.idx', 'all', 'last']);
    // and all of it is read by it
    await runCliWell(['unpack', path, '--to', join(directory, 'again')], { env });
    await runTool('diff', '-r', join(directory, 'all'), join(directory, 'again'));
    await runCliWell(['convert', path, join(directory, 'b.tar')], { env });
    await runTool('sh', '-c', 'zstd -dc "$1" | cmp - "$2"', 'sh', path, join(directory, 'b.tar'));
  });

  testWith(TOOLS, 'for drives that are less than half of an archive', async () => {
    const directory = await scratch();
    const [plain, path] = [join(directory, 'a.vma'), join(directory, 'a.vma.zst')];
    const drives = ['--drive', `large=${kept.path('drive')}`, '--drive', `small=${kept.path('small-drive')}`];
    await runCliWell(['pack', plain, ...drives]);
    await runTool('zstd', '-q', '-1', '--rm', plain, '-o', path);
    const env = { XDG_CACHE_HOME: join(directory, 'cache') };
    const large = await runCli(['cat', path, 'large'], { env });
    expect([large.stdout.equals(await readFile(kept.path('drive'))), large.stderr]).toEqual([true, '']);
    await runCliWell(['unpack', path, '--to', join(directory, 'a'), '--skip', 'small'], { env });
    expect((await readdir(directory)).sort()).toEqual(['a', 'a.vma.zst']);
    const small = await runCli(['unpack', path, '--to', join(directory, 'b'), '--skip', '1'], { env });
    expect(linesOf(small.stderr)[0]).toMatch(/^making an index of /);
    expect((await readdir(directory)).sort()).toEqual(['a', 'a.vma.zst', 'a.vma.zst.idx', 'b']);
    const unpacked = await readFile(join(directory, 'b', 'disk-small.raw'));
    expect(unpacked.equals(await readFile(kept.path('small-drive')))).toBe(true);
    const { mtimeNs } = await stat(`${path}.idx`, { bigint: true });
    await runCliWell(['cat', path, '2'], { env });
    expect((await stat(`${path}.idx`, { bigint: true })).mtimeNs).toBe(mtimeNs);
  });

  testWith(TOOLS, 'with progress, for programs', async () => {
    const { path, env } = await foreign();
    const { stderr } = await runCli(['cat', path, 'zz-last', '--progress=json'], { env });
    const [first, ...documents] = linesOf(stderr);
    expect(first).toMatch(MAKING);
    const { size } = await stat(path);
    const last = { type: 'progress', percent: 100, bytes: size, total: size };
    expect(JSON.parse(documents.at(-1)!)).toMatchObject(last);
  });
});
