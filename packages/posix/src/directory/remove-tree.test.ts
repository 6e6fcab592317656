import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { testWith, useTemporaryDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { closeFile } from '../file/open-file.js';
import { describeBoth, describeOnLinux } from '../testing/conditions.js';
import { openDirectory } from './native-directory.js';
import { removeTree } from './remove-tree.js';

const directory = useTemporaryDirectory();

/** Directories in each other, from `top` on, each with a file. */
function makeNested(top: string, names: readonly string[]): void {
  mkdirSync(top);
  let at = openDirectory(top);
  for (const name of names) {
    closeFile(at.createFile('file', 0o600));
    at.makeDirectory(name, 0o755);
    const below = at.openDirectory(name);
    at.close();
    at = below;
  }
  at.close();
}

describeBoth('removeTree', () => {
  test('removes a directory with all that is in it, and follows no link', async () => {
    const tree = join(directory(), 'tree');
    mkdirSync(join(tree, 'a', 'b'), { recursive: true });
    writeFileSync(join(directory(), 'theirs'), 'theirs');
    symlinkSync(join(directory(), 'theirs'), join(tree, 'a', 'link'));
    symlinkSync(directory(), join(tree, 'a', 'b', 'up'));
    await removeTree(tree);
    expect(readdirSync(directory())).toEqual(['theirs']);
    expect(readFileSync(join(directory(), 'theirs'), 'utf8')).toBe('theirs');
  });

  test('removes a file, and a link instead of what it stands for', async () => {
    const [file, link] = ['file', 'link'].map((name) => join(directory(), name));
    mkdirSync(join(directory(), 'kept'));
    writeFileSync(file!, '');
    symlinkSync(join(directory(), 'kept'), link!);
    for (const path of [file!, link!]) await removeTree(path);
    expect(readdirSync(directory())).toEqual(['kept']);
  });

  test('has nothing to do where nothing is', async () => {
    await removeTree(join(directory(), 'none'));
    await removeTree(join(directory(), 'none', 'at', 'all'));
  });

  test('removes directories that their owner closed', async () => {
    const tree = join(directory(), 'tree');
    mkdirSync(join(tree, 'closed', 'within'), { recursive: true });
    for (const mode of [0o000, 0o500]) chmodSync(join(tree, 'closed'), mode);
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });
});

describeOnLinux('removeTree, of what no path leads to', () => {
  const long = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(250, 'x'));

  test.each([
    ['10 000 characters in 40 names', long],
    ['2500 names', Array<string>(2500).fill('d')],
  ])('%s', async (_, names) => {
    const tree = join(directory(), 'tree');
    makeNested(tree, names);
    await removeTree(tree);
    expect(readdirSync(directory())).toEqual([]);
  });

  testWith(['root'], 'a file system that is mounted in it stays, with all that it holds', async () => {
    const mounted = join(directory(), 'tree', 'a', 'mounted');
    mkdirSync(mounted, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', mounted]);
    try {
      writeFileSync(join(mounted, 'theirs'), '');
      await expect(removeTree(join(directory(), 'tree'))).rejects.toMatchObject({
        code: 'EBUSY',
        path: mounted,
      });
      expect(readdirSync(mounted)).toEqual(['theirs']);
    } finally {
      execFileSync('umount', [mounted]);
    }
  });
});
