import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Codec, codec } from '@vzdump-format/codecs';
import { DirectoryTree } from '@vzdump-format/file-tree';
import { type ArchiveWarning, Boundaries, BufferSource, RateLimiter } from '@vzdump-format/streams';
import { chunked, openFilesIn, scratch } from '@vzdump-format/testing';
import { openVma, packVma } from '@vzdump-format/vma';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DiskFormat, TreeFormat } from './archive-format.js';
import { formatNamed } from './formats.js';
import { indexArchive } from './index-archive.js';
import { openArchive } from './open-archive.js';
import { packTree } from './pack-tree.js';
import { catFile, openTree, unpackTree } from './tree-archive.js';

const MIB = 1 << 20;
/** What reading ahead, windows and tables may take. */
const SOME = 200 * 1024;
const LARGE = randomBytes(20 * MIB);
const LAST = randomBytes(64 * 1024);
const DRIVES = [randomBytes(8 * MIB), randomBytes(300_000)].map((bytes, index) => {
  const whole = Buffer.alloc(Math.ceil(bytes.length / 512) * 512);
  whole.set(bytes);
  return { name: `drive-scsi${index}`, bytes: whole };
});

let directory: string;
let tree: string;

beforeEach(async () => {
  directory = await scratch(); // which is a test's own
  tree = join(directory, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'large'), LARGE);
  await writeFile(join(tree, 'small'), 'small');
  await writeFile(join(tree, 'zz-last'), LAST);
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk)); // it may be reused
  return Buffer.concat(parts);
}

async function packedTree(name: string, of: Codec): Promise<string> {
  const path = join(directory, name);
  await packTree({
    format: formatNamed(name.split('.')[1]!) as TreeFormat,
    codec: of,
    compress: { level: of.levels?.min },
    tree: new DirectoryTree(tree),
    output: path,
  });
  return path;
}

async function packedDisks(name: string, of: Codec): Promise<string> {
  const path = join(directory, name);
  const boundaries = new Boundaries();
  const drives = DRIVES.map((drive) => ({ name: drive.name, source: new BufferSource(drive.bytes) }));
  const archive = packVma({ drives, onBoundary: (offset) => boundaries.add(offset) });
  await writeFile(path, await collect(of.compress({ boundaries })(archive)));
  return path;
}

/** Where the frames of a zstd file begin, by its seek table. */
async function frameOffsets(path: string): Promise<number[]> {
  const file = await readFile(path);
  const count = file.readUInt32LE(file.length - 9);
  const offsets: number[] = [0];
  for (let at = file.length - 9 - 12 * count; at < file.length - 9; at += 12) {
    offsets.push(offsets.at(-1)! + file.readUInt32LE(at));
  }
  return offsets;
}

async function damage(path: string, offset: number, length: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.fill(0x55, offset, offset + length);
  await writeFile(path, bytes);
}

/** Opens parts of an archive, and tells what came of it. */
async function withParts<Result>(
  path: string,
  use: (
    archive: Awaited<ReturnType<typeof openArchive>>,
    onWarning: (w: ArchiveWarning) => void,
  ) => Promise<Result>,
) {
  const limiter = new RateLimiter(0);
  const warnings: ArchiveWarning[] = [];
  const onWarning = (warning: ArchiveWarning) => warnings.push(warning);
  const archive = await openArchive(path, { parts: true, limiter, onWarning });
  try {
    const result = await use(archive, onWarning);
    return { result, warnings, bytesRead: limiter.passed };
  } finally {
    await archive.close();
    expect(await openFilesIn(directory)).toEqual([]);
  }
}

function cat(path: string, name: string) {
  return withParts(path, ({ format: of, ...archive }, onWarning) =>
    collect(
      of.kind === 'tree'
        ? catFile(openTree(of, archive, { onWarning }), name)
        : of.cat(archive, name, { onWarning }),
    ),
  );
}

describe('of an archive that can be entered in the middle', () => {
  test.each([
    ['a.tar.zst', 'zstd', 8 * MIB], // the frame with the large file's header, and the last one
    ['a.tar.lzo', 'lzo', 4 * MIB],
    ['a.pxar.zst', 'zstd', 8 * MIB], // the first frame, and the last one
  ] as const)('cat reads what it needs: %s', async (name, of, most) => {
    const path = await packedTree(name, codec(of));
    const { result, warnings, bytesRead } = await cat(path, 'zz-last');
    expect(result.equals(LAST)).toBe(true);
    expect(warnings).toEqual([]);
    expect(bytesRead).toBeLessThan(most + SOME);
  });

  test('a large file takes no more than the beginning of the frame where its headers stand', async () => {
    for (const name of ['more', 'most', 'other'])
      await writeFile(join(tree, name), LARGE.subarray(0, 9 * MIB));
    const path = await packedTree('e.tar.zst', codec('zstd'));
    const { result, bytesRead } = await cat(path, 'zz-last');
    expect(result.equals(LAST)).toBe(true);
    expect(bytesRead).toBeLessThan(8 * MIB + 3 * 128 * 1024 + SOME); // as with one of them, and three blocks
  });

  test('list and unpack of a pattern do, too', async () => {
    const path = await packedTree('b.tar.zst', codec('zstd'));
    const paths = await withParts(path, async ({ format: of, ...archive }) => {
      const found: string[] = [];
      for await (const entry of openTree(of as TreeFormat, archive, { metadataOnly: true }).entries())
        found.push(entry.path);
      return found;
    });
    expect(paths.result).toEqual(['', 'large', 'small', 'zz-last']);
    const target = join(directory, 'unpacked');
    const unpacked = await withParts(path, ({ format: of, ...archive }) =>
      unpackTree(of as TreeFormat, archive, { directory: target, patterns: ['zz*'] }),
    );
    expect((await readFile(join(target, 'zz-last'))).equals(LAST)).toBe(true);
    for (const { bytesRead } of [paths, unpacked]) expect(bytesRead).toBeLessThan(12 * MIB);
  });

  test('a small drive is read without the large one', async () => {
    const path = await packedDisks('a.vma.zst', codec('zstd'));
    const { result, bytesRead } = await cat(path, 'drive-scsi1');
    expect(result.equals(DRIVES[1]!.bytes)).toBe(true);
    expect(bytesRead).toBeLessThan(5 * MIB);
  });

  test('unpack of a small drive reads it without the large one', async () => {
    const path = await packedDisks('b.vma.zst', codec('zstd'));
    const target = join(directory, 'unpacked');
    const { bytesRead } = await withParts(path, ({ format: of, ...archive }) =>
      (of as DiskFormat).unpack(archive, { directory: target, skip: ['drive-scsi0'] }),
    );
    expect(await readdir(target)).toEqual(['disk-drive-scsi1.raw']);
    expect((await readFile(join(target, 'disk-drive-scsi1.raw'))).equals(DRIVES[1]!.bytes)).toBe(true);
    expect(bytesRead).toBeLessThan(5 * MIB);
  });

  test('an index beside it makes any codec one of those', async () => {
    const path = await packedTree('c.tar.gz', codec('gzip'));
    await indexArchive(path);
    const { result, bytesRead } = await cat(path, 'zz-last');
    expect(result.equals(LAST)).toBe(true);
    expect(bytesRead).toBeLessThan(10 * MIB);
  });
});

describe('an index of a VMA that is in one frame', () => {
  test.each(['zst', 'gz'])(
    '.%s keeps what opening it reads, which then reads next to nothing',
    async (extension) => {
      const drive = { name: 'drive-scsi0', bytes: randomBytes(60 * MIB) };
      const archive = packVma({ drives: [{ name: drive.name, source: new BufferSource(drive.bytes) }] });
      const path = join(directory, `one-frame.vma.${extension}`);
      const of = codec(extension === 'gz' ? 'gzip' : 'zstd');
      await writeFile(path, of.compress({ seekable: false, level: 1 })(archive));
      await indexArchive(path);
      const { result, bytesRead } = await withParts(path, async ({ source }) => {
        const device = (await openVma(source!)).device(drive.name);
        const end = Buffer.alloc(64 * 1024);
        await device.read(end, device.size - end.length);
        return end;
      });
      expect(result.equals(drive.bytes.subarray(-64 * 1024))).toBe(true);
      expect(bytesRead).toBeLessThan(25 * MIB);
    },
  );
});

describe('an index of a tree that is in one frame', () => {
  test.each(['zst', 'gz'])(
    '.%s keeps the headers: one file is read, whatever is damaged elsewhere',
    async (extension) => {
      const archive = await packedTree('plain.tar', codec('none'));
      const path = join(directory, `one-frame.tar.${extension}`);
      const of = codec(extension === 'gz' ? 'gzip' : 'zstd');
      await writeFile(
        path,
        await collect(of.compress({ seekable: false, level: 1 })(chunked(await readFile(archive), 65_536))),
      );
      await indexArchive(path);
      const whole = await cat(path, 'zz-last');
      expect(whole.result.equals(LAST)).toBe(true);
      expect(whole.bytesRead).toBeLessThan(10 * MIB);
      const { mtime } = await stat(path);
      await damage(path, 3 * MIB, 1000);
      await utimes(path, mtime, mtime);
      const { result, warnings } = await cat(path, 'zz-last');
      expect(result.equals(LAST)).toBe(true);
      expect(warnings).toEqual([]);
      await expect(cat(path, 'large')).rejects.toMatchObject({ offset: expect.any(Number) });
    },
  );
});

describe('damage elsewhere does not hinder', () => {
  test('cat of the last file, when it is in the first frame, which is told', async () => {
    const path = await packedTree('d.tar.zst', codec('zstd'));
    const [, second] = await frameOffsets(path);
    await damage(path, 8, second! - 8); // what it is compressed with is known by the first bytes
    const { result, warnings } = await cat(path, 'zz-last');
    expect(result.equals(LAST)).toBe(true);
    expect(warnings).toMatchObject([
      { message: expect.stringMatching(/^files whose headers stand from byte 0 to/) },
    ]);
    await expect(cat(path, 'absent')).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
  });

  test('cat of another drive, nor of what comes before it', async () => {
    const path = await packedDisks('d.vma.zst', codec('zstd'));
    const offsets = await frameOffsets(path);
    await damage(path, offsets[1]!, offsets[2]! - offsets[1]!);
    const { result, warnings } = await cat(path, 'drive-scsi1');
    expect(result.equals(DRIVES[1]!.bytes)).toBe(true);
    expect(warnings).toMatchObject([
      { message: expect.stringMatching(/^the drives' data from byte \d+ to \d+/) },
    ]);
    await expect(cat(path, 'drive-scsi0')).rejects.toMatchObject({ code: expect.stringMatching(/^ZSTD_/) });
  });

  test('the last 64 KiB of a drive', async () => {
    const path = await packedDisks('e.vma.zst', codec('zstd'));
    const offsets = await frameOffsets(path);
    await damage(path, offsets[1]!, offsets[2]! - offsets[1]!);
    const { result } = await withParts(path, async ({ format: of, source }) => {
      expect((of as DiskFormat).kind).toBe('disks');
      const drive = (await openVma(source!)).device('drive-scsi0');
      const end = Buffer.alloc(64 * 1024);
      await drive.read(end, drive.size - end.length);
      return end;
    });
    expect(result.equals(DRIVES[0]!.bytes.subarray(-64 * 1024))).toBe(true);
  });
});

describe('an index that is', () => {
  const gzipped = promisify(gzip);

  test.each([
    ['stale', async (path: string) => writeFile(path, await gzipped(await otherTar())), 'INDEX_STALE'],
    [
      'damaged',
      async (path: string) => damage(`${path}.idx`, (await stat(`${path}.idx`)).size - 60, 8),
      'INDEX_DAMAGED',
    ],
    ['empty', async (path: string) => writeFile(`${path}.idx`, ''), 'INDEX_DAMAGED'],
  ] as const)('%s is told of, and not trusted', async (name, spoil, code) => {
    const path = await packedTree(`${name}.tar.gz`, codec('gzip'));
    await indexArchive(path);
    await spoil(path);
    const { result, warnings } = await cat(path, 'zz-last');
    expect(result.equals(LAST)).toBe(true);
    expect(warnings).toMatchObject([{ code, entry: `${path}.idx` }]);
  });

  /** The same tree, uncompressed. */
  async function otherTar(): Promise<Buffer> {
    return readFile(await packedTree('other.tar', codec('none')));
  }
});
