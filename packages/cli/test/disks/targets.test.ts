import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { goldenVmas, vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sha256, sha256OfFile, writeNoise } from '../support/disk-content.js';
import { runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

const ARCHIVE = vectorPath('vma/two-drives-two-configs.vma');
const [FIRST, SECOND] = goldenVmas().find(({ name }) => name === 'two-drives-two-configs')!.devices;

describe('unpack', () => {
  test('--drive sends a drive elsewhere, by name or number', async () => {
    const directory = await scratch();
    const [out, elsewhere, there] = ['out', 'elsewhere.raw', 'there.raw'].map((name) =>
      join(directory, name),
    );
    const drives = ['--drive', `drive-virtio0=${elsewhere}`, '--drive', `2=${there}`];
    await runCliWell(['unpack', ARCHIVE, '--to', out!, ...drives]);
    expect((await readdir(out!)).sort()).toEqual(['qemu-server.conf', 'qemu-server.fw']);
    expect(await sha256OfFile(elsewhere!)).toBe(FIRST!.sha256);
    expect(await sha256OfFile(there!)).toBe(SECOND!.sha256);
  });

  testWith(['qemu-img'], '--drive makes a qcow2 image of what is called so', async () => {
    const directory = await scratch();
    const [image, raw] = ['one.qcow2', 'one.raw'].map((name) => join(directory, name));
    const options = ['--to', join(directory, 'out'), '--drive', `1=${image}`];
    await runCliWell(['unpack', ARCHIVE, ...options]);
    await runTool('qemu-img', 'check', '-q', '-f', 'qcow2', image!);
    await runTool('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', image!, raw!);
    expect(await sha256OfFile(raw!)).toBe(FIRST!.sha256);
    expect((await readdir(directory)).sort()).toEqual(['one.qcow2', 'one.raw', 'out']);
    const again = await runCli([
      'unpack',
      ARCHIVE,
      ...options,
      '--skip',
      '2',
      '--to',
      join(directory, 'new'),
    ]);
    expect([again.status, again.stderr.includes(`${image} exists`)]).toEqual([1, true]);
  });

  test.each(['vmdk', 'VHD'])('--drive makes no .%s image', async (extension) => {
    const directory = await scratch();
    const args = ['unpack', ARCHIVE, '--to', 'out', '--drive', `1=disk.${extension}`];
    const { status, stderr } = await runCli(args, { cwd: directory });
    expect(stderr).toMatch(/: disk\.\w+: \w+ images cannot be written\nhint: choose \.raw or \.qcow2\n$/);
    expect([status, await readdir(directory)]).toEqual([1, []]);
  });

  test('--skip leaves a drive out', async () => {
    const out = join(await scratch(), 'out');
    await runCliWell(['unpack', ARCHIVE, '--to', out, '--skip', 'drive-virtio0']);
    expect((await readdir(out)).sort()).toEqual([
      'disk-drive-virtio1.raw',
      'qemu-server.conf',
      'qemu-server.fw',
    ]);
  });

  test.each([
    ['--drive', 'nosuch=x.raw'],
    ['--skip', 'nosuch'],
  ])('%s %s is refused, and nothing is left', async (...option) => {
    const directory = await scratch();
    const { status, stderr } = await runCli(['unpack', ARCHIVE, '--to', 'out', ...option], {
      cwd: directory,
    });
    expect(stderr).toMatch(/no drive "nosuch"\nhint: it has: drive-virtio0, drive-virtio1\n$/);
    expect(status).toBe(1);
    expect(await readdir(directory)).toEqual([]);
  });
});

/** A block device of this size that holds old data. */
async function makeBlockDevice(directory: string, size: number): Promise<string> {
  const file = join(directory, `backing-${size}`);
  await writeNoise(file, size, 'old data');
  const device = (await runTool('losetup', '--find', '--show', file)).trim();
  onTestFinished(async () => {
    await runTool('losetup', '--detach', device);
  });
  return device;
}

async function sha256OfRange(path: string, start: number, end: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { start, end: end - 1 })) chunks.push(chunk as Buffer);
  return sha256(Buffer.concat(chunks));
}

describe('a block device', () => {
  testWith(['root'], 'gets a drive, zeros too, and keeps what is behind it', async () => {
    const directory = await scratch();
    const size = FIRST!.size + 65536;
    const device = await makeBlockDevice(directory, size);
    const behind = await sha256OfRange(device, FIRST!.size, size);
    const target = ['--drive', `drive-virtio0=${device}`, '--skip', 'drive-virtio1'];
    await runCliWell(['unpack', ARCHIVE, '--to', join(directory, 'out'), ...target]);
    expect(await sha256OfRange(device, 0, FIRST!.size)).toBe(FIRST!.sha256);
    expect(await sha256OfRange(device, FIRST!.size, size)).toBe(behind);
  });

  testWith(['root'], 'that is too small is refused before anything is written', async () => {
    const directory = await scratch();
    const size = FIRST!.size - 512;
    const device = await makeBlockDevice(directory, size);
    const before = await sha256OfRange(device, 0, size);
    const args = ['unpack', ARCHIVE, '--to', join(directory, 'out'), '--drive', `1=${device}`];
    const { status, stderr } = await runCli(args);
    expect(stderr).toContain(`${device} has ${size} bytes, drive-virtio0 needs ${FIRST!.size}`);
    expect(status).toBe(1);
    expect(await sha256OfRange(device, 0, size)).toBe(before);
    expect((await readdir(directory)).includes('out')).toBe(false);
  });

  testWith(['root'], 'that is written to in part is told of', async () => {
    const directory = await scratch();
    const device = await makeBlockDevice(directory, FIRST!.size);
    const args = ['unpack', '-', '--to', join(directory, 'out'), '--drive', `1=${device}`];
    const { status, stderr } = await runCli(args, { stdin: (await readFile(ARCHIVE)).subarray(0, -4096) });
    expect(stderr).toContain(`warning: ${device} was written in part`);
    expect(status).toBe(1);
  });

  testWith(['root'], 'is packed', async () => {
    const directory = await scratch();
    const device = await makeBlockDevice(directory, 1 << 20);
    const archive = join(directory, 'a.vma');
    await runCliWell(['pack', archive, '--drive', `a=${device}`]);
    expect(await runCliForJson(['list', archive])).toMatchObject({ devices: [{ size: 1 << 20 }] });
    expect(sha256(await runCliWell(['cat', archive, 'a']))).toBe(await sha256OfRange(device, 0, 1 << 20));
  });
});

test('a target that is neither a file nor a block device is refused', async () => {
  const directory = await scratch();
  await runTool('mkfifo', join(directory, 'pipe'));
  const args = ['unpack', ARCHIVE, '--to', 'out', '--drive', '1=pipe'];
  const { status, stderr } = await runCli(args, { cwd: directory });
  expect(stderr).toContain('pipe is neither a regular file nor a block device');
  expect(status).toBe(1);
  expect(await readdir(directory)).toEqual(['pipe']);
});
