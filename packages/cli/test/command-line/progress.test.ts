import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorPath } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { linesOf, runCli } from '../support/running-cli.js';

interface ProgressLine {
  readonly type: string;
  readonly percent: number;
  readonly bytes: number;
  readonly total: number;
  readonly elapsedSeconds: number;
  readonly bytesPerSecond: number;
}

async function progressOf(args: readonly string[]): Promise<ProgressLine[]> {
  const { stderr, status } = await runCli([...args, '--progress=json', '--quiet']);
  expect(status).toBe(0);
  return linesOf(stderr).map((line) => JSON.parse(line));
}

async function expectToReach(lines: readonly ProgressLine[], total: number): Promise<void> {
  expect(lines.map(({ type }) => type)).toEqual(lines.map(() => 'progress'));
  const bytes = lines.map((line) => line.bytes);
  expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
  expect(lines.at(-1)).toMatchObject({ percent: 100, bytes: total, total });
  expect(lines.at(-1)!.elapsedSeconds).toBeGreaterThan(0);
  expect(lines.at(-1)!.bytesPerSecond).toBeGreaterThan(0);
}

test('--progress=json ends at 100 percent', async () => {
  const directory = await scratch();
  const archive = vectorPath('vma/two-drives-two-configs.vma.zst');
  await expectToReach(await progressOf(['verify', archive]), 3 << 20);
  await expectToReach(await progressOf(['unpack', archive, '--to', directory]), 3 << 20);
  const disk = join(directory, 'disk-drive-virtio0.raw');
  const packed = await progressOf(['pack', join(directory, 'a.vma.zst'), '--drive', `a=${disk}`]);
  await expectToReach(packed, 2 << 20);
  expect(packed[0]).toMatchObject({ percent: 0, bytes: 0 });
});

test('of a disk that is not in whole sectors, and of holes', async () => {
  const directory = await scratch();
  const [odd, hole] = [join(directory, 'odd.raw'), join(directory, 'hole.raw')];
  await writeFile(odd, Buffer.alloc(1000, 1));
  await writeFile(hole, '');
  await truncate(hole, (1 << 30) + 1);
  const drives = ['--drive', `a=${odd}`, '--drive', `b=${hole}`];
  await expectToReach(
    await progressOf(['pack', join(directory, 'a.vma'), ...drives]),
    1024 + (1 << 30) + 512,
  );
});

test('of several archives, each counts for itself', async () => {
  const archive = vectorPath('vma/two-drives-two-configs.vma');
  const lines = await progressOf(['verify', archive, archive]);
  expect(lines.filter(({ percent }) => percent === 100).map(({ bytes }) => bytes)).toEqual([
    3 << 20,
    3 << 20,
  ]);
});
