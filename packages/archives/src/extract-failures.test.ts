import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BufferSource } from '@vzdump-format/streams';
import { badVmaBytes, badVmas, verdicts } from '@vzdump-format/test-vectors';
import { chunked, scratch } from '@vzdump-format/testing';
import { packVma } from '@vzdump-format/vma';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UnpackDisksOptions } from './archive-format.js';
import { extractVma } from './extract-vma.js';
import { baseArchive, extentStarts, legalArchive, madeArchive } from './testing/vma.js';

let temporary: string;
const temporaryDirectory = () => temporary;
let openBefore: number;

/** How many files this process has open. */
async function openFiles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

beforeEach(async () => {
  temporary = await scratch();
  await writeFile(join(temporaryDirectory(), 'canary'), 'alive');
  openBefore = await openFiles();
});

/** Whatever went wrong: nothing is left, nothing was touched, and no file is open. */
afterEach(async () => {
  expect(await readdir(temporaryDirectory())).toEqual(['canary']);
  expect(await readFile(join(temporaryDirectory(), 'canary'), 'utf8')).toBe('alive');
  expect(await openFiles()).toBe(openBefore);
});

// As formats/vma/src/format.ts has them.
const VMA_TABLE_END = 12288;
const EXTENT_HEADER_SIZE = 512;
const EXTENT_CHECKSUM_OFFSET = 24;

function extract(archive: Buffer, options: Partial<UnpackDisksOptions> = {}) {
  return extractVma(chunked(archive, 4096), { directory: join(temporaryDirectory(), 'made'), ...options });
}

test.each(verdicts().filter(({ error }) => error !== undefined))('$name leaves nothing', async (entry) => {
  await expect(extract(badVmaBytes(entry))).rejects.toMatchObject({ code: entry.error });
});

test('an archive that is cut short leaves nothing', async () => {
  const archive = baseArchive('multi');
  const extents = extentStarts(archive).flatMap((start) => [start, start + EXTENT_HEADER_SIZE]);
  for (const boundary of [0, VMA_TABLE_END, ...extents, archive.length]) {
    const end = Math.min(boundary + 1, archive.length - 1);
    await expect(extract(archive.subarray(0, end))).rejects.toMatchObject({ name: 'ArchiveError' });
  }
});

test('a bad third extent leaves nothing of the two before', async () => {
  const archive = Buffer.from(baseArchive('multi'));
  const third = extentStarts(archive)[2]!;
  archive[third + EXTENT_CHECKSUM_OFFSET]! ^= 1;
  const progress: number[] = [];
  const failing = extract(archive, { onProgress: (bytes) => progress.push(bytes) });
  await expect(failing).rejects.toMatchObject({ code: 'VMA_EXTENT_CHECKSUM', offset: third });
  expect(progress.at(-1)).toBe(116 * 65536);
});

test('directories that were made are removed, all of them', async () => {
  const directory = join(temporaryDirectory(), 'made', 'and', 'made');
  await expect(extract(baseArchive('base').subarray(0, -1), { directory })).rejects.toThrow();
});

test('a directory that was there stays', async () => {
  const directory = join(temporaryDirectory(), 'canary-directory');
  await mkdir(directory);
  await expect(extract(baseArchive('base').subarray(0, -1), { directory })).rejects.toThrow();
  expect(await readdir(temporaryDirectory())).toEqual(['canary', 'canary-directory']);
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});

test('an abort in the middle leaves nothing, and ends with its reason', async () => {
  const controller = new AbortController();
  const options = { signal: controller.signal, onProgress: () => controller.abort(new Error('stop')) };
  await expect(extract(baseArchive('multi'), options)).rejects.toThrow('stop');
});

test('a source that fails leaves nothing', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield baseArchive('base').subarray(0, 60_000);
    throw new Error('the network is down');
  }
  const directory = join(temporaryDirectory(), 'made');
  await expect(extractVma(failing(), { directory })).rejects.toThrow('the network is down');
});

test('a target whose directory is not there', async () => {
  const drives = new Map([['2', join(temporaryDirectory(), 'not-there', 'disk.raw')]]);
  await expect(extract(baseArchive('base'), { drives })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a drive that is larger than files can be', async () => {
  const huge = Object.assign(new BufferSource(Buffer.alloc(0)), { size: 2 ** 48 });
  const { value: header } = await packVma({ drives: [{ name: 'huge', source: huge }] })
    [Symbol.asyncIterator]()
    .next();
  const error: unknown = await extract(Buffer.from(header as Uint8Array)).catch((reason: unknown) => reason);
  const { code, message } = error as { code: string; message: string };
  // ext4 takes 16 TiB; where 256 TiB fit, it is found that the clusters are missing
  if (code === 'TARGET_WRITE')
    expect(message).toMatch(/\.partial cannot be made 281474976710656 bytes long: EFBIG/);
  else expect(code).toBe('VMA_MISSING_CLUSTERS');
});

describe('names that are not safe', () => {
  function archiveOf(config: string, drive: string): Promise<Buffer> {
    return madeArchive({
      configs: [{ name: config, data: Buffer.from('memory: 512\n') }],
      drives: [{ name: drive, source: new BufferSource(Buffer.alloc(65536, 'content')) }],
    });
  }

  test.each([
    '../canary-config',
    '/tmp/vma-evil.co',
    'a/../../../../ev',
    'sub/directory/co',
    '\udcff\udcfeqemu-serve.co',
  ])('of a config: %j', async (name) => {
    await expect(extract(await archiveOf(name, 'drive-scsi0'))).rejects.toMatchObject({
      code: 'VMA_CONFIG_NAME',
    });
  });

  test.each(['config-name-traversal', 'config-name-empty'])('of a config, as in %s', async (name) => {
    const entry = badVmas().find((candidate) => candidate.name === name)!;
    await expect(extract(badVmaBytes(entry))).rejects.toMatchObject({
      code: 'VMA_CONFIG_NAME',
      message: expect.stringMatching(/^the config name ".*" is not safe: it /),
    });
  });

  test.each(['/../../canar', '/../../evil0', '\udce9rive-scsi0'])('of a drive: %j', async (name) => {
    await expect(extract(await archiveOf('qemu-server.conf', name))).rejects.toMatchObject({
      code: 'VMA_DEVICE_NAME',
      hint: 'give it a path of your own (--drive NAME=PATH) or leave it out (--skip NAME)',
    });
  });

  test('of a drive do not matter when it goes elsewhere or is left out', async () => {
    const archive = await archiveOf('qemu-server.conf', '../../evil0');
    const drives = new Map([['1', join(temporaryDirectory(), 'chosen.raw')]]);
    await extract(archive, { drives });
    expect((await readdir(temporaryDirectory())).sort()).toEqual(['canary', 'chosen.raw', 'made']);
    await extract(archive, { skip: ['../../evil0'], overwrite: true });
    await rm(join(temporaryDirectory(), 'chosen.raw'));
    await rm(join(temporaryDirectory(), 'made'), { recursive: true });
  });
});

test('a failure behind the last extent leaves nothing', async () => {
  const archive = Buffer.concat([legalArchive('plain').bytes, Buffer.alloc(512)]);
  await expect(extract(archive)).rejects.toMatchObject({ code: 'VMA_TRAILING_DATA' });
});
