import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openUncompressed } from '@vzdump-format/archives';
import { vectorBytes, vectorPath } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { runCli, runCliWell } from '../support/running-cli.js';

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
