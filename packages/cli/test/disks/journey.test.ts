import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Codec, codecs } from '@vzdump-format/codecs';
import { keptScratch, runTool, scratch, testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256OfFile, writeDisk, writeNoise } from '../support/disk-content.js';
import { runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const SAME = ['--uuid', UUID, '--ctime', '1700000000'];

/** The codecs, by the extension that new files get; where two share it, the first stands for both. */
const byExtension = new Map(codecs.toReversed().map((codec) => [codec.extensions[0] ?? '', codec]));
const written = [...byExtension].filter(([, codec]) => codec.canCompress);
const onlyRead = [...byExtension].filter(([, codec]) => !codec.canCompress);

/** A VM of two drives and a config, and the arguments that pack it. */
const files = keptScratch();
const [disk, data, conf] = ['disk.raw', 'data.raw', 'qemu-server.conf'].map((name) => () => files.path(name));
const sources = () => [
  ...['--config', conf!(), '--drive', `drive-scsi0=${disk!()}`, '--drive', `drive-scsi1=${data!()}`],
];

beforeAll(async () => {
  await files.make();
  await writeDisk(disk!());
  await writeNoise(data!(), 300_000);
  await writeFile(conf!(), 'memory: 512\nscsi0: local:100/vm-100-disk-0.raw\n');
});
afterAll(() => files.remove());

/** Lists, verifies and unpacks an archive of the VM, and compares. */
async function expectVm(archive: string, codec: Codec): Promise<void> {
  const out = join(await scratch(), 'out');
  expect(await runCliForJson(['list', archive])).toEqual({
    ...{ format: 'vma', codec: codec.name, uuid: UUID, ctime: 1700000000 },
    configs: [{ name: 'qemu-server.conf', size: 47 }],
    devices: [
      { id: 1, name: 'drive-scsi0', size: 8 << 20 },
      { id: 2, name: 'drive-scsi1', size: 300_032 }, // whole sectors
    ],
  });
  await runCliWell(['verify', archive]);
  await runCliWell(['unpack', archive, '--to', out]);
  expect((await readdir(out)).sort()).toEqual([
    'disk-drive-scsi0.raw',
    'disk-drive-scsi1.raw',
    'qemu-server.conf',
  ]);
  expect(await sha256OfFile(join(out, 'disk-drive-scsi0.raw'))).toBe(await sha256OfFile(disk!()));
  const padded = Buffer.concat([await readFile(data!()), Buffer.alloc(32)]);
  expect((await readFile(join(out, 'disk-drive-scsi1.raw'))).equals(padded)).toBe(true);
  expect(await readFile(join(out, 'qemu-server.conf'), 'utf8')).toBe(await readFile(conf!(), 'utf8'));
  const { size, blocks } = await stat(join(out, 'disk-drive-scsi0.raw'));
  expect(blocks * 512).toBeLessThan(size / 2);
}

describe('pack, list, verify, unpack, compare', () => {
  test.each(written)('.vma%s', async (extension, codec) => {
    const directory = await scratch();
    const archive = join(directory, `vm.vma${extension}`);
    await runCliWell(['pack', archive, ...sources(), ...SAME]);
    expect(await readdir(directory)).toEqual([basename(archive)]);
    await expectVm(archive, codec);
  });
});

describe('what is only read', () => {
  for (const [extension, codec] of onlyRead) {
    testWith([codec.name], `${extension}, as ${codec.name} writes it`, async () => {
      const directory = await scratch();
      await runCliWell(['pack', join(directory, 'vm.vma'), ...sources(), ...SAME]);
      await runTool(codec.name, join(directory, 'vm.vma'));
      await expectVm(join(directory, `vm.vma${extension}`), codec);
    });

    test(`${extension} is refused by pack`, async () => {
      const result = await runCli(['pack', `vm.vma${extension}`, ...sources()], { cwd: await scratch() });
      expect(result.stderr).toMatch(/^vzdump-format: .* is only read, not written\nhint: /);
      expect(result.status).toBe(2);
    });
  }
});

test('the same uuid, time and content give the same bytes; what is not given differs', async () => {
  const directory = await scratch();
  const names = ['a.vma.zst', 'b.vma.zst', 'c.vma.zst'].map((name) => join(directory, name));
  await runCliWell(['pack', names[0]!, ...sources(), ...SAME]);
  await runCliWell(['pack', names[1]!, ...sources(), ...SAME]);
  await runCliWell(['pack', names[2]!, ...sources()]);
  const [first, second, third] = await Promise.all(names.map((name) => readFile(name)));
  expect(first!.equals(second!)).toBe(true);
  expect(first!.equals(third!)).toBe(false);
});

describe('options of compression', () => {
  /** The size of an archive of something that can be compressed better and worse. */
  const sizeWith = async (extension: string, ...options: string[]) => {
    const directory = await scratch();
    const [text, archive] = [join(directory, 'text.raw'), join(directory, `a.vma${extension}`)];
    const lines = Array.from({ length: 20_000 }, (_, index) => `${index} squared is ${index * index}\n`);
    await writeFile(text, lines.join(''));
    await runCliWell(['pack', archive, '--drive', `a=${text}`, ...SAME, ...options]);
    await runCliWell(['verify', archive]);
    return (await stat(archive)).size;
  };

  test('--level', async () => {
    expect(await sizeWith('.gz', '--level', '9')).toBeLessThan(await sizeWith('.gz', '--level', '1'));
  });

  test('--zstd takes threads, 0 for half of the cores', async () => {
    const one = await sizeWith('.zst', '--zstd', '1');
    for (const threads of ['0', '2']) expect(await sizeWith('.zst', '--zstd', threads)).toBe(one);
  });

  test('--compress says what a name does not', async () => {
    const directory = await scratch();
    const archive = join(directory, 'backup');
    await runCliWell(['pack', archive, '--format', 'vma', '--compress', 'gzip', '--config', conf!()]);
    expect(await runCliForJson(['list', archive])).toMatchObject({ codec: 'gzip' });
  });
});

describe('a file that exists', () => {
  test('is not replaced by pack, but with --force', async () => {
    const archive = join(await scratch(), 'a.vma');
    await writeFile(archive, 'precious');
    const { status, stderr } = await runCli(['pack', archive, ...sources()]);
    expect(stderr).toMatch(/^vzdump-format: .*\/a\.vma exists already\nhint: .*--force\n$/);
    expect(status).toBe(1);
    expect(await readFile(archive, 'utf8')).toBe('precious');
    await runCliWell(['pack', archive, ...sources(), '--force']);
    await runCliWell(['verify', archive]);
  });

  test('is not replaced by unpack, but with --force; the other files are not made then', async () => {
    const directory = await scratch();
    const archive = join(directory, 'a.vma');
    const out = join(directory, 'out');
    await runCliWell(['pack', archive, ...sources()]);
    await runCliWell(['unpack', archive, '--to', out, '--skip', 'drive-scsi0', '--skip', '2']);
    await writeFile(join(out, 'qemu-server.conf'), 'precious');
    const { status, stderr } = await runCli(['unpack', archive, '--to', out]);
    expect(stderr).toMatch(/out\/qemu-server\.conf exists already\nhint: .*--force\n$/);
    expect(status).toBe(1);
    expect(await readdir(out)).toEqual(['qemu-server.conf']);
    expect(await readFile(join(out, 'qemu-server.conf'), 'utf8')).toBe('precious');
    await runCliWell(['unpack', archive, '--to', out, '--force']);
    expect(existsSync(join(out, 'disk-drive-scsi1.raw'))).toBe(true);
    expect(await readFile(join(out, 'qemu-server.conf'), 'utf8')).toMatch(/^memory/);
  });
});

test('a misnamed archive is read as what it is, with a warning', async () => {
  const directory = await scratch();
  const archive = join(directory, 'vm.vma.gz');
  await writeFile(archive, await runCliWell(['pack', '-', '--format', 'vma', '--config', conf!()]));
  const { status, stderr } = await runCli(['verify', archive]);
  expect(stderr).toContain(`${archive} is named as gzip, but its content is not compressed`);
  expect(status).toBe(3);
});
