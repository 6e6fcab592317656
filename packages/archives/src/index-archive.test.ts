import { chmod, chown, mkdir, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ArchiveError, BufferSource, type ByteSource, readChunks } from '@vzdump-format/streams';
import {
  asUser,
  collect,
  noise,
  openFilesIn,
  runToolSync,
  scratch,
  sha256,
  testWith,
} from '@vzdump-format/testing';
import { packVma } from '@vzdump-format/vma';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { indexCache, indexesOf, indexPlaces } from './find-index.js';
import { indexArchive } from './index-archive.js';
import { openArchive } from './open-archive.js';
import { writeOutput } from './output-file.js';
import { indexWhileReading } from './read-together.js';

const NOBODY = 65_534;

/** Larger than the content between two places to begin at. */
let vma: Buffer;
let cache: string;

beforeEach(async () => {
  vma ??= await collect(packVma({ drives: [{ name: 'a', source: new BufferSource(noise(12 << 20)) }] }));
  cache = join(await scratch(), 'cache');
  vi.stubEnv('XDG_CACHE_HOME', cache);
  onTestFinished(() => void vi.unstubAllEnvs());
});

async function archiveIn(directory: string): Promise<string> {
  const path = join(directory, 'a.vma.gz');
  await writeFile(path, gzipSync(vma, { level: 1 }));
  return path;
}

/** Whether an archive can be entered in the middle, and what there was to warn of. */
async function enter(path: string, options = {}) {
  const warnings: string[] = [];
  const onWarning = ({ code }: { code: string }) => void warnings.push(code);
  const archive = await openArchive(path, { parts: true, onWarning, ...options });
  await archive.close();
  return { entered: archive.source !== undefined, warnings };
}

describe('an index is written', () => {
  test('beside the archive, and found there', async () => {
    const path = await archiveIn(await scratch());
    const made = await indexArchive(path);
    expect(made).toEqual({ kind: 'made', path: `${path}.idx`, size: (await stat(`${path}.idx`)).size });
    expect(await enter(path)).toEqual({ entered: true, warnings: [] });
    expect(await enter(path, { useIndex: false })).toEqual({ entered: false, warnings: [] });
    expect((await readdir(dirname(path))).sort()).toEqual(['a.vma.gz', 'a.vma.gz.idx']);
    expect(await openFilesIn(dirname(path))).toEqual([]);
  });

  test('in the directory that is named, which is made, and looked for nowhere else', async () => {
    const path = await archiveIn(await scratch());
    const indexDirectory = join(await scratch(), 'some', 'indexes/');
    await indexArchive(path, { indexDirectory });
    expect(await readdir(indexDirectory)).toEqual(['a.vma.gz.idx']);
    expect(await enter(path, { indexDirectory })).toEqual({ entered: true, warnings: [] });
    expect((await enter(path)).entered).toBe(false);
  });

  testWith(['root'], "in the user's cache where the archive's directory cannot be written", async () => {
    const directories = [await scratch(), await scratch()];
    const paths = await Promise.all(directories.map(archiveIn));
    for (const directory of directories) await chmod(directory, 0o755);
    await chmod(dirname(cache), 0o777);
    await asUser(NOBODY, NOBODY, async () => {
      for (const path of paths) {
        expect(await indexArchive(path)).toMatchObject({ kind: 'made' });
        expect(await enter(path)).toEqual({ entered: true, warnings: [] });
        expect(await indexArchive(path)).toMatchObject({ kind: 'there' });
      }
    });
    expect(indexCache()).toBe(join(cache, 'vzdump-format'));
    const names = await readdir(indexCache()!);
    expect(names).toHaveLength(2);
    for (const name of names) expect(name).toMatch(/^a\.vma\.gz-[0-9a-f]{32}\.idx$/);
    expect((await stat(indexCache()!)).mode & 0o777).toBe(0o700);
    for (const directory of directories) expect(await readdir(directory)).toEqual(['a.vma.gz']);
    expect((await indexesOf(paths[0]!)).map((path) => dirname(path))).toEqual([indexCache()]);
  });

  testWith(['root'], 'nowhere, if nothing can be written anywhere', async () => {
    const path = await archiveIn(await scratch());
    await chmod(dirname(path), 0o755);
    await chmod(dirname(cache), 0o755);
    await asUser(NOBODY, NOBODY, async () => {
      await expect(indexArchive(path)).rejects.toMatchObject({ code: 'EACCES', path: `${path}.idx` });
    });
  });

  testWith(['root'], 'for those alone who may read the archive', async () => {
    const path = await archiveIn(await scratch());
    await chown(path, 1234, 5678);
    for (const [mode, expected] of [
      [0o640, 0o640],
      [0o600, 0o600],
      [0o444, 0o644],
    ] as const) {
      await chmod(path, mode);
      await indexArchive(path, { overwrite: true });
      const { uid, gid, mode: made } = await stat(`${path}.idx`);
      expect([uid, gid, made & 0o777]).toEqual([1234, 5678, expected]);
    }
    await chmod(dirname(path), 0o777);
    await chmod(path, 0o664);
    await asUser(NOBODY, NOBODY, async () => {
      await indexArchive(path, { overwrite: true }); // whose group cannot be that of the archive
    });
    expect((await stat(`${path}.idx`)).mode & 0o777).toBe(0o604);
  });

  test('whole, or not at all', async () => {
    const path = await archiveIn(await scratch());
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    await expect(indexArchive(path, { signal: controller.signal, onProgress })).rejects.toThrow('enough');
    expect(await readdir(dirname(path))).toEqual(['a.vma.gz']);
    expect(await openFilesIn(dirname(path))).toEqual([]);
  });
});

describe('what is there', () => {
  test('is kept when it is right, and otherwise replaced', async () => {
    const path = await archiveIn(await scratch());
    const made = await indexArchive(path);
    const { mtimeNs } = await stat(`${path}.idx`, { bigint: true });
    expect(await indexArchive(path)).toEqual({ ...made, kind: 'there' });
    expect((await stat(`${path}.idx`, { bigint: true })).mtimeNs).toBe(mtimeNs);
    await writeFile(path, gzipSync(vma, { level: 2 }));
    expect(await enter(path)).toEqual({ entered: false, warnings: ['INDEX_STALE'] });
    expect(await indexArchive(path)).toMatchObject({ kind: 'made' });
    expect(await enter(path)).toEqual({ entered: true, warnings: [] });
  });

  test('is not replaced when it is no index', async () => {
    const path = await archiveIn(await scratch());
    await writeFile(`${path}.idx`, 'of another program');
    await expect(indexArchive(path)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await enter(path)).toEqual({ entered: false, warnings: ['INDEX_DAMAGED'] });
    expect(await indexArchive(path, { overwrite: true })).toMatchObject({ kind: 'made' });
  });

  testWith(['root'], 'and somebody else has made is not used', async () => {
    const path = await archiveIn(await scratch());
    await indexArchive(path);
    await chown(`${path}.idx`, NOBODY, NOBODY);
    expect(await enter(path)).toEqual({ entered: false, warnings: ['INDEX_OWNER'] });
    await chown(path, NOBODY, NOBODY);
    expect(await enter(path)).toEqual({ entered: true, warnings: [] });
  });

  test.each([
    ['a directory', async (path: string) => void (await mkdir(path))],
    ['a pipe', async (path: string) => void runToolSync('mkfifo', [path])],
  ])('and is %s is a warning, and stays', async (_, make) => {
    const path = await archiveIn(await scratch());
    await make(`${path}.idx`);
    expect(await enter(path)).toEqual({ entered: false, warnings: ['INDEX_UNREADABLE'] });
    await expect(indexArchive(path)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await indexesOf(path)).toEqual([]);
  });

  test('and of no use does not matter beside one that is right', async () => {
    const path = await archiveIn(await scratch());
    await indexArchive(path);
    const [beside, cached] = await indexPlaces(path, {});
    await mkdir(dirname(cached!), { recursive: true });
    await rename(beside!, cached!);
    await writeFile(beside!, '');
    expect(await enter(path)).toEqual({ entered: true, warnings: [] });
    await writeFile(cached!, '');
    const warnings = ['INDEX_DAMAGED', 'INDEX_DAMAGED'];
    expect(await enter(path)).toEqual({ entered: false, warnings });
  });

  test('goes when the archive is replaced by another', async () => {
    const path = await archiveIn(await scratch());
    await indexArchive(path);
    await writeOutput(readChunks(new BufferSource(vma)), path, { overwrite: true });
    expect(await readdir(dirname(path))).toEqual([basename(path)]);
    await writeFile(`${path}.idx`, 'of another program');
    await writeOutput(readChunks(new BufferSource(vma)), path, { overwrite: true });
    expect(await readFile(`${path}.idx`, 'utf8')).toBe('of another program');
  });
});

test('all of an archive is read by its index, as often as it is asked for', async () => {
  const path = await archiveIn(await scratch());
  await indexArchive(path);
  const archive = await openArchive(path);
  expect([archive.format.name, archive.codec.name, archive.source]).toEqual(['vma', 'gzip', undefined]);
  for (const bytes of [archive.bytes, archive.again!()])
    expect((await collect(bytes)).equals(vma)).toBe(true);
  await archive.close();
  expect(await openFilesIn(dirname(path))).toEqual([]);
});

describe('where that fails, it is read from its beginning, and', () => {
  async function readAll(path: string, options = {}) {
    const warnings: string[] = [];
    const onWarning = ({ code }: { code: string }) => void warnings.push(code);
    const archive = await openArchive(path, { onWarning, ...options });
    const outcome = await collect(archive.bytes).then(sha256, ({ code, offset }) => ({ code, offset }));
    await archive.close();
    expect(await openFilesIn(dirname(path))).toEqual([]);
    return { outcome, warnings };
  }

  async function flip(path: string, offset: number): Promise<void> {
    const bytes = await readFile(path);
    bytes[offset]! ^= 1;
    await writeFile(path, bytes);
  }

  /** Where the index has what the second part of an archive begins with. */
  function dictionaryIn(index: Buffer): number {
    const first = index.readUIntLE(index.length - 46, 6);
    const second = first + 34 + 4 * index.readUInt16LE(first + 32);
    expect(index.readUInt32LE(second + 24)).toBeGreaterThan(1000);
    return index.readUIntLE(second + 18, 6);
  }

  test('nothing is lost when it is the index that is wrong', async () => {
    const path = await archiveIn(await scratch());
    const source = new BufferSource(Buffer.alloc(12 << 20, noise(20_000))); // each part refers to what is before
    const repeated = await collect(packVma({ drives: [{ name: 'a', source }] }));
    await writeFile(path, gzipSync(repeated, { level: 1 }));
    await indexArchive(path);
    await flip(`${path}.idx`, dictionaryIn(await readFile(`${path}.idx`)));
    const { outcome, warnings } = await readAll(path);
    expect([outcome, warnings]).toEqual([sha256(repeated), ['INDEX_WRONG']]);
  });

  test('what is wrong with the archive is told as ever', async () => {
    const path = await archiveIn(await scratch());
    await indexArchive(path);
    await flip(path, 6 << 20);
    const expected = await readAll(path, { useIndex: false });
    expect(expected.outcome).toMatchObject({ code: expect.stringMatching(/^GZIP_/) });
    expect(await readAll(path)).toEqual(expected);
  });
});

describe('while all of an archive is read', () => {
  test('its index is made', async () => {
    const path = await archiveIn(await scratch());
    const { result, index } = await indexWhileReading(path, {}, async (stored) => {
      const archive = await openArchive(stored, { useIndex: false });
      const bytes = await collect(archive.bytes);
      await archive.close();
      return bytes;
    });
    expect(result.equals(vma)).toBe(true);
    expect(index).toMatchObject({ kind: 'made', path: `${path}.idx` });
    expect(await openFilesIn(dirname(path))).toEqual([]);
  });

  test('it is not when the reading fails', async () => {
    const path = await archiveIn(await scratch());
    const reading = indexWhileReading(path, {}, async () => {
      throw new ArchiveError('BAD', 'not what it should be');
    });
    await expect(reading).rejects.toMatchObject({ code: 'BAD' });
    expect(await readdir(dirname(path))).toEqual(['a.vma.gz']);
    expect(await openFilesIn(dirname(path))).toEqual([]);
  });

  test('that it cannot be is told, and hinders nobody', async () => {
    const path = await archiveIn(await scratch());
    await mkdir(`${path}.idx`);
    const { index } = await indexWhileReading(path, {}, async () => {});
    expect(index).toMatchObject({ error: expect.any(Error) });
  });

  test('whoever is far ahead waits for the others, until they are done', async () => {
    const path = join(await scratch(), 'sparse');
    await writeFile(path, '');
    await truncate(path, 100 << 20);
    await indexWhileReading(path, {}, async (stored) => {
      const [ahead, behind] = [await stored.open(), await stored.open()];
      const read = (source: ByteSource, mib: number) => source.read(Buffer.alloc(10), mib << 20);
      const order: string[] = [];
      const waiting = read(ahead, 70).then(() => order.push('ahead'));
      await read(behind, 10);
      order.push('10');
      await read(behind, 40);
      await waiting;
      expect(order).toEqual(['10', 'ahead']);
      const last = read(ahead, 99);
      await behind.close();
      expect(await last).toBe(10);
      await ahead.close();
    });
  });
});
