import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { linesOf, runCli, runCliForJson } from '../support/running-cli.js';

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

/** The error of a write names the file that was written, and what that was to become. */
function fullDisk(path: string): RegExp {
  const partial = `${dirname(path)}/\\.vzdump-format-[0-9a-f]+\\.partial`;
  return new RegExp(`^vzdump-format: ${partial} → ${path}: no space left on device\n$`);
}

describe('a disk that is full is one error, and nothing is left', () => {
  for (const extension of ['.vma', '.vma.zst']) {
    testWith(['root'], `pack to ${extension}`, async () => {
      const small = await smallFileSystem();
      const disk = join(await scratch(), 'disk.raw');
      await writeNoise(disk, 2 << 20);
      const archive = join(small, `a${extension}`);
      const { status, stderr } = await runCli(['pack', archive, '--drive', `a=${disk}`]);
      expect(stderr).toMatch(fullDisk(archive));
      expect(status).toBe(1);
      expect(await readdir(small)).toEqual([]);
    });
  }

  for (const extension of ['.tar', '.pxar', '.mpxar']) {
    testWith(['root'], `pack a tree with a large file to ${extension}`, async () => {
      const small = await smallFileSystem();
      const root = join(await scratch(), 'tree');
      await mkdir(root);
      await writeNoise(join(root, 'large'), 2 << 20);
      const { status, stderr } = await runCli(['pack', join(small, `a${extension}`), '--root', root]);
      const full = join(small, extension === '.mpxar' ? 'a.ppxar' : `a${extension}`);
      expect(stderr).toMatch(fullDisk(full));
      expect(status).toBe(1);
      expect(await readdir(small)).toEqual([]);
    });
  }

  testWith(['root'], 'unpack a large file', async () => {
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

  testWith(['root'], 'unpack', async () => {
    const small = await smallFileSystem();
    const archive = vectorPath('vma/two-drives-two-configs.vma');
    // the content of its drives fits, but not with this beside it
    await writeNoise(join(small, 'ballast'), 900_000);
    const { status, stderr } = await runCli(['unpack', archive, '--to', join(small, 'out')]);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(
        `^vzdump-format: .*${small}/out/\\.vzdump-format-.*\\.partial cannot be written: .*no space left on device`,
      ),
    ]);
    expect(status).toBe(1);
    expect(await readdir(small)).toEqual(['ballast']);
  });

  testWith(['root'], 'unpack, of a configuration', async () => {
    const small = await smallFileSystem();
    const config = join(await scratch(), 'qemu-server.conf');
    await writeFile(config, Buffer.alloc(60_000, '# text\n'));
    const archive = `${config}.vma`;
    await runCli(['pack', archive, '--config', config]);
    await writeNoise(join(small, 'ballast'), 1_000_000);
    const { status, stderr } = await runCli(['unpack', archive, '--to', join(small, 'out')]);
    expect(stderr).toMatch(fullDisk(join(small, 'out/qemu-server.conf')));
    expect([status, await readdir(small)]).toEqual([1, ['ballast']]);
  });

  testWith(['root'], 'cat of a drive that is out of order, which takes a temporary file', async () => {
    const small = await smallFileSystem();
    await writeNoise(join(small, 'ballast'), 1_000_000);
    const archive = vectorPath('vma-crafted/out-of-order.vma');
    const { devices } = (await runCliForJson(['list', archive])) as { devices: { name: string }[] };
    const stdin = await readFile(archive);
    const said = devices.map(async ({ name }) => {
      const { stderr } = await runCli(['cat', '-', name], { stdin, env: { TMPDIR: small } });
      return stderr;
    });
    expect((await Promise.all(said)).join('')).toMatch(
      new RegExp(`^(vzdump-format: ${small}/vzdump-format-\\w+/early: no space left on device\n)+$`),
    );
    expect(await readdir(small)).toEqual(['ballast']);
  });
});
