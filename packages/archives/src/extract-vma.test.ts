import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ArchiveWarning, BufferSource } from '@vzdump-format/streams';
import { goldenVmas } from '@vzdump-format/test-vectors';
import { chunked, overwriting, scratch, sha256 } from '@vzdump-format/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { UnpackDisksOptions } from './archive-format.js';
import { extractVma } from './extract-vma.js';
import { baseArchive, legalArchive, madeArchive } from './testing/vma.js';

let temporary: string;
beforeEach(async () => {
  temporary = await scratch();
});
const temporaryDirectory = () => temporary;

function target(): string {
  return join(temporaryDirectory(), 'target');
}

/** The files of a directory, by name, each with its size and SHA-256. */
async function filesOf(directory: string): Promise<Record<string, { size: number; sha256: string }>> {
  const files: Record<string, { size: number; sha256: string }> = {};
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer);
    files[name] = { size: (await stat(path)).size, sha256: hash.digest('hex') };
  }
  return files;
}

/** How much of the disk a file takes up, in bytes. */
async function allocatedBytes(path: string): Promise<number> {
  return (await stat(path)).blocks * 512;
}

function extract(archive: Buffer, options: Partial<UnpackDisksOptions> = {}) {
  return extractVma(chunked(archive, 65536), { directory: target(), ...options });
}

/** The files of Proxmox's `vma extract`, as its own golden archives record them. */
const extracted = goldenVmas().filter(
  ({ name, tool }) => tool.extract.rc === 0 && name !== 'large-sparse-4g',
);

describe('what Proxmox wrote', () => {
  test.each(extracted)('$name becomes the same files as with its own tool', async (golden) => {
    await extract(legalArchive(golden.name).bytes);
    const vmstate = golden.devices.find(({ name }) => name === 'vmstate');
    const { 'vmstate.bin': ours, ...files } = await filesOf(target());
    const { 'vmstate.bin': theirs, ...expected } = golden.tool.extract.files ?? {};
    expect(files).toMatchObject(expected); // of 256 configs, not all are recorded
    expect(Object.keys(files)).toHaveLength(
      golden.configs.length + golden.devices.length - (vmstate ? 1 : 0),
    );
    // the memory state has zeros where the tool's file has nothing
    expect(ours).toEqual(vmstate && { size: vmstate.size, sha256: vmstate.sha256 });
    expect(theirs === undefined).toBe(ours === undefined);
  });

  const distinct = goldenVmas().filter(({ name }) => name !== 'dup-device-names');
  test.each(distinct)(
    '$name: drives have the exact size, and holes where nothing is stored',
    async (golden) => {
      const { bytes } = legalArchive(golden.name);
      await extract(bytes);
      for (const { name, size } of golden.devices) {
        const path = join(target(), name === 'vmstate' ? 'vmstate.bin' : `disk-${name}.raw`);
        expect((await stat(path)).size).toBe(size);
        expect(await allocatedBytes(path)).toBeLessThanOrEqual(bytes.length);
      }
    },
  );

  test('4 GiB with 3 MiB of data take 3 MiB', async () => {
    const { bytes } = legalArchive('large-sparse-4g');
    const header = await extract(bytes);
    const path = join(target(), `disk-${header.devices[0]!.name}.raw`);
    expect(header.devices[0]!.size).toBeGreaterThan(2 ** 32);
    expect(await allocatedBytes(path)).toBeLessThan(8 << 20);
  });
});

test('the source may reuse its buffer', async () => {
  const { bytes, hashes } = legalArchive('masks');
  await extractVma(overwriting(bytes, 4097), { directory: target() });
  expect(Object.values(await filesOf(target())).map(({ sha256: hash }) => hash)).toContain(hashes[1]);
});

describe('drives', () => {
  const { bytes, hashes } = legalArchive('plain');

  test('go where they are sent, by name and by id', async () => {
    const [one, two] = [join(temporaryDirectory(), 'one.raw'), join(temporaryDirectory(), 'two.raw')];
    await extract(bytes, {
      drives: new Map([
        ['drive-scsi0', one],
        ['2', two],
      ]),
    });
    expect(sha256(await readFile(one))).toBe(hashes[1]);
    expect(sha256(await readFile(two))).toBe(hashes[2]);
    expect(Object.keys(await filesOf(target()))).toEqual(['qemu-server.conf']);
  });

  test('are left out, by name and by id', async () => {
    await extract(bytes, { skip: ['drive-scsi0'] });
    expect(Object.keys(await filesOf(target())).sort()).toEqual([
      'disk-drive-efidisk0.raw',
      'qemu-server.conf',
    ]);
    await extract(bytes, { skip: ['1', '2'], directory: join(target(), 'deeper') });
    expect(Object.keys(await filesOf(join(target(), 'deeper')))).toEqual(['qemu-server.conf']);
  });

  test.each([{ skip: ['drive-ide7'] }, { drives: new Map([['drive-ide7', '/nowhere']]) }])(
    'that are not there are an error: %j',
    async (options) => {
      await expect(extract(bytes, options)).rejects.toMatchObject({
        code: 'VMA_NO_SUCH_DEVICE',
        entry: 'drive-ide7',
      });
    },
  );

  test('with one name are numbered, with a warning', async () => {
    const warnings: ArchiveWarning[] = [];
    const duplicates = legalArchive('dup-device-names');
    await extract(duplicates.bytes, { onWarning: (warning) => warnings.push(warning) });
    const files = await filesOf(target());
    expect(files['disk-drive-scsi0-1.raw']!.sha256).toBe(duplicates.hashes[1]);
    expect(files['disk-drive-scsi0-2.raw']!.sha256).toBe(duplicates.hashes[2]);
    expect(Object.keys(files)).toHaveLength(3);
    expect(warnings).toMatchObject([{ code: 'VMA_DEVICE_NAME_REPEATED', entry: 'drive-scsi0' }]);
  });

  test('progress goes to the sum of their sizes', async () => {
    const seen: [number, number | undefined][] = [];
    await extract(bytes, { onProgress: (done, total) => seen.push([done, total]) });
    expect(seen.at(-1)).toEqual([327680 + 131072, 327680 + 131072]);
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).toSorted((a, b) => a - b));
  });
});

describe('a file that exists', () => {
  const { bytes } = legalArchive('plain');

  test.each(['disk-drive-scsi0.raw', 'disk-drive-efidisk0.raw', 'qemu-server.conf'])(
    'stays as it is: %s',
    async (name) => {
      await mkdir(target());
      await writeFile(join(target(), name), 'mine');
      await expect(extract(bytes)).rejects.toMatchObject({
        code: 'FILE_EXISTS',
        entry: join(target(), name),
      });
      expect(await readFile(join(target(), name), 'utf8')).toBe('mine');
      expect(Object.keys(await filesOf(target()))).toEqual([name]);
    },
  );

  test('is replaced when that is asked for', async () => {
    await mkdir(target());
    for (const name of ['disk-drive-scsi0.raw', 'qemu-server.conf'])
      await writeFile(join(target(), name), 'mine');
    await extract(bytes, { overwrite: true });
    expect((await filesOf(target()))['disk-drive-scsi0.raw']!.size).toBe(327680);
    expect(await readFile(join(target(), 'qemu-server.conf'), 'utf8')).toBe('name: crafted\n');
  });

  test('is replaced only when the archive has proved right', async () => {
    await mkdir(target());
    await writeFile(join(target(), 'disk-drive-scsi0.raw'), 'mine');
    await expect(extract(bytes.subarray(0, -1), { overwrite: true })).rejects.toMatchObject({
      code: 'VMA_TRUNCATED',
    });
    expect(await readFile(join(target(), 'disk-drive-scsi0.raw'), 'utf8')).toBe('mine');
  });

  test('is not written through, when it is a link to somewhere else', async () => {
    await mkdir(target());
    const elsewhere = join(temporaryDirectory(), 'elsewhere');
    await writeFile(elsewhere, 'mine');
    await symlink(elsewhere, join(target(), 'disk-drive-scsi0.raw'));
    await expect(extract(bytes)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await extract(bytes, { overwrite: true });
    expect(await readFile(elsewhere, 'utf8')).toBe('mine');
  });

  test('and is a directory cannot be the place of a drive', async () => {
    const drives = new Map([['1', temporaryDirectory()]]);
    await expect(extract(bytes, { drives })).rejects.toMatchObject({ code: 'TARGET_KIND' });
  });
});

describe('two parts with the same place', () => {
  const { bytes } = legalArchive('plain');

  test.each([
    [
      'two drives',
      () => [
        ['1', 'same.raw'],
        ['2', 'same.raw'],
      ],
    ],
    [
      'two drives, spelled differently',
      () => [
        ['1', 'same.raw'],
        ['2', 'sub/../same.raw'],
      ],
    ],
    [
      'two drives, through a link',
      () => [
        ['1', 'link/same.raw'],
        ['2', 'same.raw'],
      ],
    ],
    ['a drive and a config', () => [['1', 'target/qemu-server.conf']]],
    ['a drive and another’s default', () => [['1', 'target/disk-drive-efidisk0.raw']]],
  ])('are refused: %s', async (_, places) => {
    await mkdir(join(temporaryDirectory(), 'sub'));
    await symlink(temporaryDirectory(), join(temporaryDirectory(), 'link'));
    const drives = new Map(places().map(([name, path]) => [name!, `${temporaryDirectory()}/${path}`]));
    await expect(extract(bytes, { drives, overwrite: true })).rejects.toMatchObject({
      code: 'VMA_SAME_TARGET',
    });
  });

  test('are refused when the archive makes them', async () => {
    const archive = await madeArchive({
      drives: [{ name: 'a', source: new BufferSource(Buffer.alloc(512)) }],
      configs: [{ name: 'disk-a.raw', data: Buffer.from('x') }],
    });
    await expect(extract(archive)).rejects.toMatchObject({ code: 'VMA_SAME_TARGET' });
  });
});

test('an archive without drives gives its configs', async () => {
  await extract(legalArchive('max-configs-256').bytes);
  expect(Object.keys(await filesOf(target())).length).toBeGreaterThanOrEqual(256);
});

test('a directory that is there keeps what it holds', async () => {
  await mkdir(target());
  await writeFile(join(target(), 'other'), 'mine');
  await extract(baseArchive('base'));
  expect(Object.keys(await filesOf(target())).sort()).toEqual([
    'disk-drive-efidisk0.raw',
    'disk-drive-scsi0.raw',
    'other',
    'qemu-server.conf',
    'qemu-server.fw',
  ]);
});
