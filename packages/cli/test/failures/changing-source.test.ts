import { once } from 'node:events';
import { appendFile, open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { writeNoise } from '../support/disk-content.js';
import { errorDocument, linesOf, type RunningCli, runCli, startCli } from '../support/running-cli.js';

/** More than pack reads ahead of a pipe that is not read. */
const DISK_SIZE = 48 << 20;

/** Packs to a pipe, which holds pack up in the middle until it is read on. */
async function packHeldUp(disk: string, ...options: readonly string[]): Promise<RunningCli> {
  const args = ['pack', '-', '--format', 'vma', '--drive', `drive-scsi0=${disk}`, ...options];
  const running = startCli(args, { readsOutput: false });
  await once(running.child.stdout, 'readable');
  return running;
}

async function makeDisk(): Promise<string> {
  const disk = join(await scratch(), 'disk.raw');
  await writeNoise(disk, 1 << 20);
  const file = await open(disk, 'r+');
  for (let at = 1 << 20; at < DISK_SIZE; at += 4096) await file.write('x', at); // no hole to be passed over
  await file.close();
  return disk;
}

test('a disk that is written to while it is packed is a warning, status 3', async () => {
  const disk = await makeDisk();
  const { child, ended } = await packHeldUp(disk);
  const file = await open(disk, 'r+');
  await file.write('new', 1000);
  await file.close();
  const archive = await readAll(child.stdout);
  const { status, stderr } = await ended;
  expect(linesOf(stderr)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^vzdump-format: warning: drive-scsi0 was written to while it was read/),
      expect.stringMatching(/^hint: stop the guest/),
    ]),
  );
  expect(status).toBe(3);
  expect((await runCli(['verify', '-'], { stdin: archive })).status).toBe(0);
});

test('with --json the warning is a document', async () => {
  const disk = await makeDisk();
  const { child, ended } = await packHeldUp(disk, '--json', '--quiet');
  await appendFile(disk, 'more');
  await readAll(child.stdout);
  const result = await ended;
  expect(errorDocument(result)).toMatchObject({
    ...{ type: 'warning', code: 'SOURCE_CHANGED', entry: 'drive-scsi0' },
  });
  expect(result.status).toBe(3);
});

test('a disk that shrinks while it is packed is an error', async () => {
  const disk = await makeDisk();
  const { child, ended } = await packHeldUp(disk);
  await truncate(disk, 1 << 20);
  await readAll(child.stdout);
  const { status, stderr } = await ended;
  expect(stderr).toMatch(/^vzdump-format: drive-scsi0 ended at byte \d+ while it was read/);
  expect(status).toBe(1);
});

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
