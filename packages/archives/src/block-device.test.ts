import { execFile } from 'node:child_process';
import { constants, writeFileSync } from 'node:fs';
import { access, open, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zeroRange } from '@vzdump-format/posix';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { chunked, scratch, sha256 } from '@vzdump-format/testing';
import { beforeEach, describe, expect, type TestContext, test, vi } from 'vitest';
import type { UnpackDisksOptions } from './archive-format.js';
import { extractVma } from './extract-vma.js';
import { legalArchive } from './testing/vma.js';

vi.mock('@vzdump-format/posix', async (original) => {
  const actual = await original<typeof import('@vzdump-format/posix')>();
  return { ...actual, zeroRange: vi.fn(actual.zeroRange) };
});

const run = promisify(execFile);
let temporary: string;
beforeEach(async () => {
  temporary = await scratch();
});
const temporaryDirectory = () => temporary;

/** `drive-scsi0` of 327680 bytes, and `drive-efidisk0` of 131072. */
const { bytes: archive, hashes } = legalArchive('plain');
const DRIVE_SIZE = 327680;
const OLD = 0xaa;

function extract(drives: Record<string, string>, options: Partial<UnpackDisksOptions> = {}) {
  const directory = join(temporaryDirectory(), 'target');
  const source = chunked(archive, 65536);
  return extractVma(source, { directory, drives: new Map(Object.entries(drives)), skip: ['2'], ...options });
}

/**
 * Lets a test use a block device of `size` bytes, full of old data. Skips the test where that is not allowed,
 * but not on a machine that says it runs tests for others (`CI`).
 */
async function withDevice(
  context: TestContext,
  size: number,
  use: (device: string, content: () => Promise<Buffer>) => Promise<void>,
): Promise<void> {
  const image = join(temporaryDirectory(), 'image');
  await writeFile(image, Buffer.alloc(size, OLD));
  const device = await attach(image).catch((error: unknown) => {
    if (process.env.CI) throw error;
    return undefined;
  });
  if (device === undefined) return context.skip('needs losetup, root, and a free loop device');
  try {
    await use(device, async () => {
      await run('blockdev', ['--flushbufs', device]);
      return readFile(device);
    });
  } finally {
    await run('losetup', ['--detach', device]);
  }
}

async function attach(image: string): Promise<string> {
  const { stdout } = await run('losetup', ['--find', '--show', image]);
  const device = stdout.trim();
  await access(device);
  return device;
}

describe('a drive goes to a block device', () => {
  test('exactly: its zeros overwrite what was there', async (context) => {
    await withDevice(context, DRIVE_SIZE, async (device, content) => {
      await extract({ 'drive-scsi0': device });
      expect(sha256(await content())).toBe(hashes[1]);
      expect(await readdir(join(temporaryDirectory(), 'target'))).toEqual(['qemu-server.conf']);
    });
  });

  test('exactly, where the kernel cannot make zeros and they have to be written', async (context) => {
    vi.mocked(zeroRange).mockReturnValueOnce(false);
    await withDevice(context, DRIVE_SIZE + 4096, async (device, content) => {
      await extract({ 'drive-scsi0': device });
      expect(sha256((await content()).subarray(0, DRIVE_SIZE))).toBe(hashes[1]);
      expect((await content()).subarray(DRIVE_SIZE).every((byte) => byte === OLD)).toBe(true);
    });
  });

  test('and what lies behind its end stays', async (context) => {
    await withDevice(context, DRIVE_SIZE + (1 << 20), async (device, content) => {
      await extract({ 'drive-scsi0': device });
      const found = await content();
      expect(sha256(found.subarray(0, DRIVE_SIZE))).toBe(hashes[1]);
      expect(found.subarray(DRIVE_SIZE).every((byte) => byte === OLD)).toBe(true);
    });
  });

  test('of a size that is not in blocks', async (context) => {
    const odd = legalArchive('tail-block-not-zero-padded');
    await withDevice(context, 66048 + 4096, async (device, content) => {
      const options = { directory: join(temporaryDirectory(), 'target'), drives: new Map([['1', device]]) };
      await extractVma(chunked(odd.bytes, 4096), options);
      const found = await content();
      expect(sha256(found.subarray(0, 66048))).toBe(odd.hashes[1]);
      expect(found.subarray(66048).every((byte) => byte === OLD)).toBe(true);
    });
  });

  test('through a link, which is how they are named under /dev/disk', async (context) => {
    await withDevice(context, DRIVE_SIZE, async (device, content) => {
      const link = join(temporaryDirectory(), 'by-id');
      await symlink(device, link);
      await extract({ '1': link });
      expect(sha256(await content())).toBe(hashes[1]);
    });
  });
});

describe('a block device is refused, and not written to', () => {
  test('when it is too small', async (context) => {
    await withDevice(context, DRIVE_SIZE - 512, async (device, content) => {
      await expect(extract({ 'drive-scsi0': device })).rejects.toMatchObject({
        code: 'TARGET_TOO_SMALL',
        entry: 'drive-scsi0',
        message: `${device} has ${DRIVE_SIZE - 512} bytes, drive-scsi0 needs ${DRIVE_SIZE}`,
      });
      expect((await content()).every((byte) => byte === OLD)).toBe(true);
    });
  });

  test('when it is in use', async (context) => {
    await withDevice(context, DRIVE_SIZE, async (device, content) => {
      const holder = await open(device, constants.O_RDONLY | constants.O_EXCL);
      try {
        await expect(extract({ 'drive-scsi0': device })).rejects.toMatchObject({ code: 'EBUSY' });
      } finally {
        await holder.close();
      }
      expect((await content()).every((byte) => byte === OLD)).toBe(true);
    });
  });

  test('when two drives are sent to it', async (context) => {
    await withDevice(context, DRIVE_SIZE, async (device, content) => {
      const link = join(temporaryDirectory(), 'by-id');
      await symlink(device, link);
      await expect(extract({ '1': device, '2': link }, { skip: [] })).rejects.toMatchObject({
        code: 'EBUSY',
      });
      expect((await content()).every((byte) => byte === OLD)).toBe(true);
    });
  });

  test('when nobody named it: a link to it lies where the file is to be made', async (context) => {
    await withDevice(context, DRIVE_SIZE, async (device, content) => {
      await symlink(device, join(temporaryDirectory(), 'disk-drive-scsi0.raw'));
      const directory = temporaryDirectory();
      await expect(extract({}, { directory })).rejects.toMatchObject({ code: 'FILE_EXISTS' });
      await extract({}, { directory, overwrite: true });
      expect((await content()).every((byte) => byte === OLD)).toBe(true);
    });
  });

  test('when the header is bad already', async (context) => {
    await withDevice(context, DRIVE_SIZE, async (device, content) => {
      const options = { directory: join(temporaryDirectory(), 'target'), drives: new Map([['1', device]]) };
      const bad = Buffer.from(archive);
      bad[100]! ^= 1;
      await expect(extractVma(chunked(bad, 65536), options)).rejects.toMatchObject({
        code: 'VMA_HEADER_CHECKSUM',
      });
      expect((await content()).every((byte) => byte === OLD)).toBe(true);
    });
  });
});

test('a failure behind the last byte leaves it whole, and says nothing of it', async (context) => {
  await withDevice(context, DRIVE_SIZE, async (device, content) => {
    const warnings: ArchiveWarning[] = [];
    const failing = extract(
      { 'drive-scsi0': device },
      {
        onWarning: (warning) => warnings.push(warning),
        onProgress: () => writeFileSync(join(temporaryDirectory(), 'target', 'qemu-server.conf'), 'mine'),
      },
    );
    await expect(failing).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(sha256(await content())).toBe(hashes[1]);
    expect(warnings).toEqual([]);
  });
});

test('a failure half-way is stated with the device, which is free again', async (context) => {
  await withDevice(context, DRIVE_SIZE, async (device) => {
    const warnings: ArchiveWarning[] = [];
    const options = {
      directory: join(temporaryDirectory(), 'target'),
      drives: new Map([['1', device]]),
      onWarning: (warning: ArchiveWarning) => warnings.push(warning),
    };
    await expect(extractVma(chunked(archive.subarray(0, -1), 65536), options)).rejects.toMatchObject({
      code: 'VMA_TRUNCATED',
    });
    expect(warnings).toEqual([
      {
        code: 'TARGET_INCOMPLETE',
        message: `${device} was written in part: its content is of no use`,
        entry: device,
      },
    ]);
    await extract({ 'drive-scsi0': device });
  });
});
