import { appendFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileStatus, fileStatus } from '@vzdump-format/posix';
import { withDirectory } from '@vzdump-format/testing';
import { beforeEach, expect, test, vi } from 'vitest';
import { walked } from '../testing/walked.js';

/** What happens when the walk has looked at a file, and not read it yet. */
let meanwhile: (status: FileStatus) => void;

vi.mock('@vzdump-format/posix', async (original) => {
  const actual = await original<typeof import('@vzdump-format/posix')>();
  const fileStatusThenMeanwhile: typeof fileStatus = (fd) => {
    const status = actual.fileStatus(fd);
    if (status.type === 'file') meanwhile(status);
    return status;
  };
  return { ...actual, fileStatus: fileStatusThenMeanwhile };
});

beforeEach(() => {
  meanwhile = () => {};
});

const TEXT = 'a text of some length';
const BEFORE = 'secret'.repeat(10_000);

/** Walks a tree with one file, which changes as soon as it was looked at. */
async function walkFile(
  change: (path: string) => void,
  prepare = (path: string) => writeFileSync(path, TEXT),
) {
  let result: Awaited<ReturnType<typeof walked>> | undefined;
  await withDirectory(async (root) => {
    const path = join(root, 'f');
    prepare(path);
    writeFileSync(join(root, 'a'), BEFORE); // what may not be seen in the other
    meanwhile = ({ size }) => {
      if (size !== BEFORE.length) change(path);
    };
    result = await walked(root);
  });
  return { entry: result!.at('f'), warnings: result!.warnings };
}

test('a small file that became shorter is filled up with zeros', async () => {
  const { entry, warnings } = await walkFile((path) => truncateSync(path, 6));
  expect(entry.size).toBe(TEXT.length);
  expect(entry.bytes!.toString()).toBe(`a text${'\0'.repeat(TEXT.length - 6)}`);
  expect(warnings).toMatchObject([{ code: 'TREE_SHRANK', entry: 'f' }]);
});

test('one that became longer is cut', async () => {
  const { entry, warnings } = await walkFile((path) => appendFileSync(path, ' and more'));
  expect(entry.bytes!.toString()).toBe(TEXT);
  expect(warnings).toMatchObject([{ code: 'TREE_GREW', entry: 'f' }]);
});

test('one with holes that became shorter is filled up with zeros', async () => {
  const prepare = (path: string) => {
    writeFileSync(path, Buffer.alloc(8192, 'x'));
    truncateSync(path, 100_000);
  };
  const { entry, warnings } = await walkFile(() => {}, prepare);
  expect(entry).toMatchObject({ size: 100_000, extents: [{ offset: 0, length: 8192 }] });
  expect(warnings).toEqual([]);
  let looks = 0;
  const changed = await walkFile((path) => {
    if (looks++ === 0) truncateSync(path, 10);
  }, prepare);
  expect(changed.entry).toMatchObject({ size: 100_000, extents: [{ offset: 0, length: 10 }] });
  expect(changed.warnings).toMatchObject([{ code: 'TREE_SHRANK', entry: 'f' }]);
});

test('one that was removed is still read: it is open', async () => {
  const { entry, warnings } = await walkFile((path) => unlinkSync(path));
  expect(entry.bytes!.toString()).toBe(TEXT);
  expect(warnings).toEqual([]);
});
