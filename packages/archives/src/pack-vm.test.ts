import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CodecName, codec, detectCodec } from '@vzdump-format/codecs';
import { BufferSource, type ByteSource, FileSource, RateLimiter, readChunks } from '@vzdump-format/streams';
import { openFilesIn, scratch } from '@vzdump-format/testing';
import { type VmaHeader, verifyVma } from '@vzdump-format/vma';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type DriveSpec, packVm } from './pack-vm.js';

const SIZE = 300_000;
const WHOLE_SECTORS = 300_032;

/** A drive, and whether it is open. */
class Drive implements DriveSpec {
  opened = 0;
  closed = 0;

  constructor(readonly name: string) {}

  async open(): Promise<ByteSource> {
    this.opened++;
    const close = async () => void this.closed++;
    return Object.assign(new BufferSource(Buffer.alloc(SIZE, 'content')), { close });
  }
}

/** Two disks and a config, and what packs them to `a.vma`. */
async function makeVm() {
  const directory = await scratch();
  const configs = [{ name: 'qemu-server.conf', data: Buffer.from('memory: 512\n') }];
  const drives = [new Drive('drive-scsi0'), new Drive('drive-scsi1')];
  return { directory, output: join(directory, 'a.vma'), codec: codec('none'), configs, drives };
}

async function headerOf(path: string): Promise<VmaHeader> {
  return (await verifyVma(readChunks(new BufferSource(await readFile(path))))).header;
}

afterEach(() => vi.restoreAllMocks());

test('takes a codec by its name', async () => {
  const { output, ...options } = await makeVm();
  await packVm({ ...options, output: `${output}.gz`, codec: 'gzip' });
  expect(detectCodec(await readFile(`${output}.gz`))).toBe(codec('gzip'));
  const unknown = packVm({ ...options, output, codec: 'rar' as CodecName });
  await expect(unknown).rejects.toMatchObject({ name: 'ArchiveError', code: 'CODEC_UNKNOWN' });
});

test('packs configs and drives under their names', async () => {
  const { directory, ...options } = await makeVm();
  const { drives } = options;
  const result = await packVm({ ...options, uuid: '00112233-4455-6677-8899-aabbccddeeff', ctime: 17 });
  expect(await headerOf(options.output)).toEqual({
    uuid: '00112233-4455-6677-8899-aabbccddeeff',
    ctime: 17n,
    configs: [{ name: 'qemu-server.conf', data: Buffer.from('memory: 512\n') }],
    devices: [
      { id: 1, name: 'drive-scsi0', size: WHOLE_SECTORS },
      { id: 2, name: 'drive-scsi1', size: WHOLE_SECTORS },
    ],
  });
  expect(result.bytes).toBe(2 * WHOLE_SECTORS);
  expect(result.archiveBytes).toBe((await readFile(options.output)).length);
  expect(await openFilesIn(directory)).toEqual([]);
  expect(drives.map(({ opened, closed }) => [opened, closed])).toEqual([
    [1, 1],
    [1, 1],
  ]);
});

test('progress begins at nothing and ends at the total, also where a disk is not in whole sectors', async () => {
  const told: unknown[] = [];
  await packVm({ ...(await makeVm()), onProgress: (bytes, total) => told.push([bytes, total]) });
  expect(told[0]).toEqual([0, 2 * WHOLE_SECTORS]);
  expect(told.at(-1)).toEqual([2 * WHOLE_SECTORS, 2 * WHOLE_SECTORS]);
});

describe('the limit of bandwidth', () => {
  test('is one for all drives, and counts what is read', async () => {
    const taken: { limiter: RateLimiter; length: number }[] = [];
    vi.spyOn(RateLimiter.prototype, 'take').mockImplementation(async function (this: RateLimiter, length) {
      taken.push({ limiter: this, length });
    });
    await packVm({ ...(await makeVm()), bytesPerSecond: 12_345_678 });
    expect(new Set(taken.map(({ limiter }) => limiter)).size).toBe(1);
    expect(taken[0]!.limiter.bytesPerSecond).toBe(12_345_678);
    expect(taken.reduce((sum, { length }) => sum + length, 0)).toBe(2 * SIZE);
  });

  test('is none unless given', async () => {
    const rates: number[] = [];
    const take = RateLimiter.prototype.take;
    vi.spyOn(RateLimiter.prototype, 'take').mockImplementation(function (this: RateLimiter, ...args) {
      rates.push(this.bytesPerSecond);
      return take.apply(this, args);
    });
    await packVm(await makeVm());
    expect(new Set(rates)).toEqual(new Set([0]));
  });
});

test('the options of compression reach the codec', async () => {
  const compress = vi.fn(codec('none').compress);
  await packVm({
    ...(await makeVm()),
    codec: { ...codec('none'), compress },
    compress: { level: 7, threads: 3 },
  });
  expect(compress).toHaveBeenCalledWith(expect.objectContaining({ level: 7, threads: 3 }));
});

const missing: DriveSpec = { name: 'a', open: () => FileSource.open('/nonexistent') };

describe('after a failure nothing is left, neither a file nor an open one', () => {
  test.each([
    ['a drive that is missing', { drives: [missing] }, { code: 'ENOENT' }],
    ['a uuid that is none', { uuid: 'x' }, { code: 'VMA_UUID' }],
    ['an abort', { signal: AbortSignal.abort(new Error('enough')) }, { message: 'enough' }],
  ])('%s', async (_, changed, error) => {
    const { directory, drives, ...options } = await makeVm();
    const wrong = {
      ...options,
      ...changed,
      drives: [...drives, ...('drives' in changed ? changed.drives : [])],
    };
    await expect(packVm(wrong)).rejects.toMatchObject(error);
    expect(await readdir(directory)).toEqual([]);
    expect(await openFilesIn(directory)).toEqual([]);
    expect(drives.filter(({ opened, closed }) => opened !== closed)).toEqual([]);
  });
});
