import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vectorBytes } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { sha256, sha256OfFile, writeDisk } from '../support/disk-content.js';
import { runCli, runCliForJson, runCliWell, startCli } from '../support/running-cli.js';

const SAME = ['--uuid', '00112233-4455-6677-8899-aabbccddeeff', '--ctime', '1700000000'];

test('- is standard output and standard input', async () => {
  const directory = await scratch();
  const [disk, conf, out] = ['disk.raw', 'qemu-server.conf', 'out'].map((name) => join(directory, name));
  await writeDisk(disk!);
  await writeFile(conf!, 'memory: 512\n');
  const sources = ['--config', conf!, '--drive', `drive-scsi0=${disk}`, ...SAME];
  await runCliWell(['pack', join(directory, 'a.vma.zst'), ...sources]);

  const {
    stdout: stdin,
    stderr,
    status,
  } = await runCli([...['pack', '-', '--format', 'vma', '--compress', 'zstd'], ...sources]);
  expect(status).toBe(0);
  expect(stderr).toMatch(/^backup is sparse: .*\ntransferred 8\.0 MiB in .*\narchive file size: .*\n$/);
  expect(sha256(stdin)).toBe(await sha256OfFile(join(directory, 'a.vma.zst')));

  expect(await runCliForJson(['list', '-'], { stdin })).toMatchObject({ format: 'vma', codec: 'zstd' });
  expect((await runCliWell(['verify', '-'], { stdin })).toString()).toMatch(/^-: ok \(vma, zstd, /);
  expect((await runCliWell(['config', '-'], { stdin })).toString()).toBe('memory: 512\n');
  expect(sha256(await runCliWell(['cat', '-', 'drive-scsi0'], { stdin }))).toBe(await sha256OfFile(disk!));
  expect((await runCliWell(['unpack', '-', '--to', out!], { stdin })).length).toBe(0);
  expect(await sha256OfFile(join(out!, 'disk-drive-scsi0.raw'))).toBe(await sha256OfFile(disk!));
  expect(await readFile(join(out!, conf!.split('/').at(-1)!), 'utf8')).toBe('memory: 512\n');
});

test('without --compress, standard output gets an archive that is not compressed', async () => {
  const directory = await scratch();
  const conf = join(directory, 'qemu-server.conf');
  await writeFile(conf, 'memory: 512\n');
  const archive = await runCliWell(['pack', '-', '--format', 'vma', '--config', conf]);
  expect(archive.subarray(0, 3).toString()).toBe('VMA');
});

test('list and config need no more of a pipe than the header', async () => {
  const bytes = vectorBytes('vma/two-drives-two-configs.vma');
  for (const command of ['list', 'config']) {
    const { child, ended } = startCli([command, '-']);
    child.stdin.write(bytes.subarray(0, 100_000)); // the pipe stays open
    expect((await ended).status).toBe(0);
  }
});
