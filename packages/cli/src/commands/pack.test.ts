import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackVmOptions } from '@vzdump-format/archives';
import { scratch } from '@vzdump-format/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { buildProgram, commands, type Invocation } from '../program.js';

const { packVm, openDiskImage } = vi.hoisted(() => ({ packVm: vi.fn(), openDiskImage: vi.fn() }));
vi.mock(import('@vzdump-format/archives'), async (original) => ({ ...(await original()), packVm }));
vi.mock(import('@vzdump-format/disk'), async (original) => ({ ...(await original()), openDiskImage }));
afterEach(() => {
  packVm.mockReset();
  openDiskImage.mockReset();
});

/** What the words ask `packVm` for. */
async function asked(...words: readonly string[]): Promise<PackVmOptions> {
  let invocation: Invocation | undefined;
  const invoke = (parsed: Invocation) => {
    invocation = parsed;
  };
  const program = buildProgram({ commands, commonOptions: [], version: '', invoke, show: () => {} });
  program.parse(['pack', ...words], { from: 'user' });
  const { command, args, options } = invocation!;
  packVm.mockResolvedValue({ bytes: 0, zeroBytes: 0, archiveBytes: 0 });
  const nothing = () => {};
  await command.run(args, options, {
    ...{
      onWarning: nothing,
      onError: nothing,
      onProgress: nothing,
      inform: nothing,
      log: nothing,
      beginProgress: () => {},
      endProgress: nothing,
    },
    signal: new AbortController().signal,
  });
  return packVm.mock.calls[0]![0];
}

test('--bwlimit is in KiB a second', async () => {
  expect((await asked('a.vma', '--drive', 'a=x', '--bwlimit', '100')).bytesPerSecond).toBe(102_400);
  packVm.mockReset();
  expect((await asked('a.vma', '--drive', 'a=x')).bytesPerSecond).toBe(0);
});

test('--config and --drive may be repeated, and keep their order', async () => {
  const directory = await scratch();
  for (const name of ['c', 'd']) await writeFile(join(directory, name), `in ${name}`);
  const files = ['d', 'c'].flatMap((name) => ['--config', join(directory, name)]);
  const words = ['--drive', 'b=1', '--drive', 'format=vpc:a=x=y:z', ...files];
  const { drives, configs } = await asked('a.vma', ...words);
  for (const drive of drives) await drive.open();
  expect(drives.map(({ name }) => name)).toEqual(['b', 'a']);
  const signal = expect.any(AbortSignal);
  expect(openDiskImage.mock.calls).toEqual([
    ['1', { signal }],
    ['x=y:z', { format: 'vpc', signal }],
  ]);
  expect(configs).toEqual(['d', 'c'].map((name) => ({ name, data: Buffer.from(`in ${name}`) })));
});

test('a --config that is a directory is an error with its name', async () => {
  await expect(asked('a.vma', '--config', '/')).rejects.toMatchObject({ code: 'EISDIR', path: '/' });
  expect(packVm).not.toHaveBeenCalled();
});

test('--uuid, --ctime, --force', async () => {
  expect(await asked('a.vma', '--drive', 'a=x')).toMatchObject({ overwrite: false });
  packVm.mockReset();
  const words = ['--uuid', 'u', '--ctime', '-5', '--force'];
  expect(await asked('a.vma', '--drive', 'a=x', ...words)).toMatchObject({
    ...{ uuid: 'u', ctime: -5, overwrite: true },
  });
});

describe('the codec', () => {
  test.each([
    ['none', {}, ['a.vma']],
    ['gzip', {}, ['a.vma.gz']],
    ['zstd', { threads: 2, level: 9 }, ['a.vma.zst', '--zstd', '2', '--level', '9']],
    ['zstd', { threads: expect.any(Number) }, ['a.vma.zst', '--zstd', '0']],
    ['zstd', { threads: 3 }, ['a.vma.zst', '--compress', 'zstd', '--zstd', '3']],
    ['lzo', {}, ['a.vma.lzo']],
    ['lzo', {}, ['-', '--format', 'vma', '--compress', '1']],
    ['none', {}, ['-', '--format', 'vma', '--compress', '0']],
    ['zstd', {}, ['backup', '--format', 'vma', '--compress', 'zstd']],
  ] as const)('%s %j: %j', async (name, compress, words) => {
    const { codec, compress: options } = await asked(...words, '--drive', 'a=x');
    expect(codec).toMatchObject({ name });
    expect(options).toMatchObject(compress);
  });
});
