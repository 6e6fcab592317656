import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openUncompressed } from '@vzdump-format/archives';
import { vectorBytes, vectorPath } from '@vzdump-format/test-vectors';
import { runToolSync, scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { linesOf, runCli, runCliWell } from '../support/running-cli.js';

const BYTES = vectorBytes('vma/two-drives-two-configs.vma');

/** A copy of a golden archive in a directory of its own. */
async function copyOf(name: string): Promise<string> {
  const path = join(await scratch(), name);
  await copyFile(vectorPath(`vma/${name}`), path);
  return path;
}

/** Bytes from the middle of what a file holds uncompressed. */
async function middleOf(path: string): Promise<Buffer> {
  const source = await openUncompressed(path);
  const buffer = Buffer.alloc(70_000);
  await source.read(buffer, 300_000);
  await source.close();
  return buffer;
}

describe('index', () => {
  test.each(['gz', 'zst'])('makes a .%s archive readable at any offset', async (extension) => {
    const path = await copyOf(`two-drives-two-configs.vma.${extension}`);
    await expect(middleOf(path)).rejects.toMatchObject({ code: 'NOT_SEEKABLE' });
    await runCliWell(['index', path]);
    expect((await middleOf(path)).equals(BYTES.subarray(300_000, 370_000))).toBe(true);
  });

  test('is not needed for lzop files, nor for the zstd files written here', async () => {
    const lzo = await copyOf('two-drives-two-configs.vma.lzo');
    const zst = join(lzo, '..', 'ours.vma.zst');
    await runCliWell(['convert', lzo, zst]);
    for (const path of [lzo, zst]) {
      const { stderr, status } = await runCli(['index', path]);
      expect([status, stderr]).toEqual([
        0,
        `${path} needs no index: it can be read at any offset as it is\n`,
      ]);
      expect((await middleOf(path)).equals(BYTES.subarray(300_000, 370_000))).toBe(true);
    }
    expect((await readdir(join(lzo, '..'))).length).toBe(2);
  });

  test('of a file that has changed since is refused', async () => {
    const path = await copyOf('two-drives-two-configs.vma.gz');
    await runCliWell(['index', path]);
    await writeFile(path, (await readFile(path)).subarray(0, -100));
    await expect(middleOf(path)).rejects.toMatchObject({ code: 'INDEX_STALE' });
  });

  test('of what has none says which file, and the way out', async () => {
    const path = await copyOf('two-drives-two-configs.vma.gz');
    await writeFile(path, (await readFile(path)).subarray(0, 1000));
    const truncated = await runCli(['index', path]);
    expect(truncated.stderr).toContain(
      `vzdump-format: ${path}: unexpected end of the gzip data (at byte 1000)\n`,
    );
    const foreign = join(await scratch(), 'bzip2-1.bz2');
    await copyFile(vectorPath('codecs/bzip2-1.bz2'), foreign);
    const { status, stderr } = await runCli(['index', foreign]);
    expect(stderr).toMatch(
      /^vzdump-format: .*\.bz2: cannot be read at any offset: .*\nhint: convert it to zstd: .*\n$/,
    );
    const left = [await readdir(join(path, '..')), await readdir(join(foreign, '..'))];
    expect([truncated.status, status, ...left.flat()]).toEqual([1, 1, basename(path), basename(foreign)]);
    expect((await runCli(['index', '-'])).status).toBe(2);
  });

  test('does not replace one that is there, but with --force', async () => {
    const path = await copyOf('two-drives-two-configs.vma.gz');
    await writeFile(`${path}.idx`, 'precious');
    expect((await runCli(['index', path])).status).toBe(1);
    expect(await readFile(`${path}.idx`, 'utf8')).toBe('precious');
    await runCliWell(['index', path, '--force']);
    expect((await middleOf(path)).equals(BYTES.subarray(300_000, 370_000))).toBe(true);
  });
});

describe('index of several archives', () => {
  test('--json tells what came of each, and one that fails stops no other', async () => {
    const [good, bad] = [await copyOf('two-drives-two-configs.vma.gz'), '/nonexistent.vma.gz'];
    const lzo = await copyOf('two-drives-two-configs.vma.lzo');
    const { stdout, stderr, status } = await runCli(['index', bad, good, lzo, '--json']);
    const { size } = await stat(`${good}.idx`);
    expect(JSON.parse(stdout.toString())).toEqual({
      archives: [
        {
          path: bad,
          ok: false,
          errors: [{ code: 'ENOENT', message: `${bad}: no such file or directory` }],
        },
        { path: good, ok: true, index: { path: `${good}.idx`, size, made: true }, errors: [] },
        { path: lzo, ok: true, errors: [] },
      ],
    });
    expect(JSON.parse(linesOf(stderr).at(-1)!)).toMatchObject({ type: 'error', code: 'ENOENT' });
    expect(status).toBe(1);
  });

  test('for people: a line for each, none with --quiet; those that are there stay as they are', async () => {
    const paths = [
      await copyOf('two-drives-two-configs.vma.gz'),
      await copyOf('two-drives-two-configs.vma.zst'),
    ];
    const made = await runCli(['index', ...paths]);
    const lines = paths.map((path) => expect.stringMatching(`^${path}\\.idx: [\\d.]+ K?i?B$`));
    expect([linesOf(made.stderr), made.status]).toEqual([lines, 0]);
    const again = await runCli(['index', ...paths]);
    expect(linesOf(again.stderr)).toEqual(paths.map(() => expect.stringMatching(/, as it was$/)));
    const { stdout, stderr, status } = await runCli(['index', ...paths, '--force', '--quiet']);
    expect([stdout.length, stderr, status]).toEqual([0, '', 0]);
  });

  test('--span says how much lies between two places to begin at', async () => {
    const path = await copyOf('two-drives-two-configs.vma.zst');
    for (const [span, message] of [
      ['2', '--span takes a size of 256K to 32M, as 8M'],
      ['33M', '--span takes a size of 256K to 32M, as 8M'],
      ['much', '--span takes a size of 256K to 32M, as 8M'],
    ] as const) {
      const { stderr, status } = await runCli(['index', path, '--span', span]);
      expect([stderr, status]).toEqual([expect.stringContaining(`${message}, not '${span}'`), 2]);
    }
    await runCliWell(['index', path, '--span', '256K']);
    expect((await middleOf(path)).equals(BYTES.subarray(300_000, 370_000))).toBe(true);
  });

  test('--index-dir says where they are', async () => {
    const path = await copyOf('two-drives-two-configs.vma.gz');
    const indexes = join(await scratch(), 'indexes');
    await runCliWell(['index', path, '--index-dir', indexes]);
    expect(await readdir(indexes)).toEqual(['two-drives-two-configs.vma.gz.idx']);
    expect(await readdir(join(path, '..'))).toEqual([basename(path)]);
  });
});

describe('on the way', () => {
  test('verify --index makes one of each archive that needs it, and of a bad one none', async () => {
    const [gz, lzo] = [
      await copyOf('two-drives-two-configs.vma.gz'),
      await copyOf('two-drives-two-configs.vma.lzo'),
    ];
    const bad = join(await scratch(), 'bad.vma.gz');
    await writeFile(bad, gzipSync(vectorBytes('vma-bad/extent-block-count-plus-1-data.vma')));
    const { stdout, status } = await runCli(['verify', gz, lzo, bad, '--index', '--json']);
    const index = { path: `${gz}.idx`, size: (await stat(`${gz}.idx`)).size, made: true };
    const { archives } = JSON.parse(stdout.toString());
    expect(archives).toMatchObject([
      { ok: true, index },
      { ok: true },
      { ok: false, errors: [{ code: 'VMA_EXTENT_BLOCK_COUNT' }] },
    ]);
    expect(archives[1].index).toBeUndefined();
    expect([status, await readdir(join(bad, '..'))]).toEqual([1, ['bad.vma.gz']]);
    expect((await middleOf(gz)).equals(BYTES.subarray(300_000, 370_000))).toBe(true);
  });

  test('verify --index of what can have none proves it, and warns', async () => {
    const path = join(await scratch(), 'a.vma.bz2');
    await writeFile(path, runToolSync('bzip2', ['-c'], { input: BYTES }));
    const { stdout, stderr, status } = await runCli(['verify', path, '--index']);
    expect(stdout.toString()).toMatch(/: ok \(vma, bzip2, /);
    expect(stderr).toMatch(/^vzdump-format: warning: no index of .* is made: cannot be read at any offset/);
    expect(status).toBe(3);
  });

  test('verify proves what stands between the parts of an index, too', async () => {
    const path = join(await scratch(), 'a.vma.gz');
    const halves = [BYTES.subarray(0, 300_000), BYTES.subarray(300_000)].map((half) => gzipSync(half));
    await writeFile(path, Buffer.concat(halves));
    await runCliWell(['index', path]);
    const file = await readFile(path);
    file[halves[0]!.length - 6]! ^= 1; // of the checksum of the first half
    await writeFile(path, file);
    expect((await runCli(['verify', path])).status).toBe(1);
  });

  test('convert --index makes one of the new archive where that needs one', async () => {
    const old = await copyOf('two-drives-two-configs.vma.lzo');
    const [gz, zst] = ['new.vma.gz', 'new.vma.zst'].map((name) => join(old, '..', name));
    await runCliWell(['convert', old, gz!, '--index']);
    expect((await middleOf(gz!)).equals(BYTES.subarray(300_000, 370_000))).toBe(true);
    const { stderr } = await runCli(['convert', gz!, zst!, '--index']);
    expect(linesOf(stderr).at(-1)).toBe(`${zst} needs no index: it can be read at any offset as it is`);
    const names = ['new.vma.gz', 'new.vma.gz.idx', 'new.vma.zst', basename(old)];
    expect((await readdir(join(old, '..'))).sort()).toEqual(names);
    await runCliWell(['convert', old, gz!, '--force']);
    expect((await readdir(join(old, '..'))).sort()).toEqual(names.filter((name) => !name.endsWith('.idx')));
    expect((await runCli(['convert', old, '-', '--index'])).status).toBe(2);
  });
});
