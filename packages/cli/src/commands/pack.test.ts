import type { PackVmOptions } from '@vzdump-format/archives';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { buildProgram, type Invocation } from '../program.js';
import { commands } from './index.js';

const packVm = vi.hoisted(() => vi.fn());
vi.mock(import('@vzdump-format/vzdump'), async (original) => ({ ...(await original()), packVm }));
afterEach(() => packVm.mockReset());

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
  expect((await asked('a.vma', '--config', 'a', '--bwlimit', '100')).bytesPerSecond).toBe(102_400);
  packVm.mockReset();
  expect((await asked('a.vma', '--config', 'a')).bytesPerSecond).toBe(0);
});

test('--config and --drive may be repeated, and keep their order', async () => {
  const words = ['--drive', 'b=1', '--drive', 'format=vpc:a=x=y:z', '--config', 'd', '--config', 'c'];
  expect(await asked('a.vma', ...words)).toMatchObject({
    drives: [
      { name: 'b', path: '1' },
      { name: 'a', path: 'x=y:z', format: 'vpc' },
    ],
    configs: ['d', 'c'],
  });
});

test('--uuid, --ctime, --force', async () => {
  expect(await asked('a.vma', '--config', 'a')).toMatchObject({ overwrite: false });
  packVm.mockReset();
  const words = ['--uuid', 'u', '--ctime', '-5', '--force'];
  expect(await asked('a.vma', '--config', 'a', ...words)).toMatchObject({
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
    const { codec, compress: options } = await asked(...words, '--config', 'a');
    expect(codec.name).toBe(name);
    expect(options).toMatchObject(compress);
  });
});
