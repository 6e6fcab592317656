import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorPath } from '@vzdump-format/test-vectors';
import { describe, expect, onTestFinished } from 'vitest';
import { writeNoise } from './disk-content.js';
import { linesOf, runCli } from './running-cli.js';
import { scratch } from './scratch.js';
import { runTool, testAsRoot } from './tools.js';

/** A file system with room for 1 MiB. */
async function smallFileSystem(): Promise<string> {
  const directory = join(await scratch(), 'small');
  await mkdir(directory);
  await runTool('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory);
  onTestFinished(async () => {
    await runTool('umount', directory);
  });
  return directory;
}

describe('a disk that is full is one error, and nothing is left', () => {
  for (const extension of ['.vma', '.vma.zst']) {
    testAsRoot(`pack to ${extension}`, async () => {
      const small = await smallFileSystem();
      const disk = join(await scratch(), 'disk.raw');
      await writeNoise(disk, 2 << 20);
      const archive = join(small, `a${extension}`);
      const { status, stderr } = await runCli(['pack', archive, '--drive', `a=${disk}`]);
      expect(stderr).toBe(`vzdump-format: ${archive}: no space left on device\n`);
      expect(status).toBe(1);
      expect(await readdir(small)).toEqual([]);
    });
  }

  for (const extension of ['.tar', '.pxar', '.mpxar']) {
    testAsRoot(`pack a tree with a large file to ${extension}`, async () => {
      const small = await smallFileSystem();
      const root = join(await scratch(), 'tree');
      await mkdir(root);
      await writeNoise(join(root, 'large'), 2 << 20);
      const { status, stderr } = await runCli(['pack', join(small, `a${extension}`), '--root', root]);
      const full = join(small, extension === '.mpxar' ? 'a.ppxar' : `a${extension}`);
      expect(stderr).toBe(`vzdump-format: ${full}: no space left on device\n`);
      expect(status).toBe(1);
      expect(await readdir(small)).toEqual([]);
    });
  }

  testAsRoot('unpack a large file', async () => {
    const small = await smallFileSystem();
    const root = join(await scratch(), 'tree');
    await mkdir(root);
    await writeNoise(join(root, 'large'), 16 << 20);
    const archive = join(await scratch(), 'a.tar');
    await runCli(['pack', archive, '--root', root]);
    await mkdir(join(small, 'out'));
    const { status, stderr } = await runCli(['unpack', archive, '--to', join(small, 'out')]);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching('^vzdump-format: .*large cannot be restored: .*no space left on device'),
    ]);
    expect(status).toBe(1);
    expect(await readdir(join(small, 'out'))).toEqual([]);
  });

  testAsRoot('unpack', async () => {
    const small = await smallFileSystem();
    const archive = vectorPath('vma/two-drives-two-configs.vma');
    // the content of its drives fits, but not with this beside it
    await writeNoise(join(small, 'ballast'), 900_000);
    const { status, stderr } = await runCli(['unpack', archive, '--to', join(small, 'out')]);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(`^vzdump-format: .*${small}/out/.* cannot be written: .*no space left on device`),
    ]);
    expect(status).toBe(1);
    expect(await readdir(small)).toEqual(['ballast']);
  });
});
