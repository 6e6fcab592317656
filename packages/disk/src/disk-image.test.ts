import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFully } from '@vzdump-format/streams';
import { openFilesIn, scratch } from '@vzdump-format/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openDiskImage } from './disk-image.js';

const openQemuImage = vi.hoisted(() => vi.fn());
vi.mock(import('@vzdump-format/nbd'), async (original) => ({ ...(await original()), openQemuImage }));
afterEach(() => openQemuImage.mockReset());

const QCOW2_HEAD = Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(1016)]);

async function makeFile(name: string, content: Uint8Array): Promise<string> {
  const path = join(await scratch(), name);
  await writeFile(path, content);
  return path;
}

describe('a raw image', () => {
  test.each(['disk.raw', 'disk.img', 'disk', 'vm-100-disk-0'])('%s is read as it is', async (name) => {
    const path = await makeFile(name, Buffer.from('content'));
    const image = await openDiskImage(path);
    const buffer = Buffer.alloc(image.size);
    await readFully(image, buffer, 0);
    await image.close();
    expect(buffer.toString()).toBe('content');
    expect(openQemuImage).not.toHaveBeenCalled();
  });

  test('that looks like another is refused unless it is said to be raw', async () => {
    const path = await makeFile('disk.raw', QCOW2_HEAD);
    await expect(openDiskImage(path)).rejects.toMatchObject({ code: 'IMAGE_FORMAT', entry: path });
    expect(await openFilesIn(path)).toEqual([]);
    const image = await openDiskImage(path, { format: 'raw' });
    expect(image.size).toBe(QCOW2_HEAD.length);
    await image.close();
    expect(openQemuImage).not.toHaveBeenCalled();
  });
});

describe('another image is read by QEMU', () => {
  test.each([
    ['disk.qcow2', 'qcow2'],
    ['disk.QCOW2', 'qcow2'],
    ['disk.vmdk', 'vmdk'],
    ['disk.vdi', 'vdi'],
    ['disk.vhdx', 'vhdx'],
    ['disk.vhd', 'vpc'],
  ])('%s as %s', async (name, format) => {
    openQemuImage.mockResolvedValue({ size: 1 });
    const path = await makeFile(name, Buffer.from('whatever it holds'));
    await openDiskImage(path);
    expect(openQemuImage).toHaveBeenCalledWith(path, expect.objectContaining({ format }));
  });

  test('the format that is said goes before the name', async () => {
    openQemuImage.mockResolvedValue({ size: 1 });
    await openDiskImage(await makeFile('disk.raw', QCOW2_HEAD), { format: 'qcow2' });
    expect(openQemuImage).toHaveBeenCalledWith(
      expect.anything(),
      expect.objectContaining({ format: 'qcow2' }),
    );
  });

  test('it tells when its file has changed', async () => {
    openQemuImage.mockResolvedValue({ size: 1 });
    const path = await makeFile('disk.qcow2', QCOW2_HEAD);
    const image = await openDiskImage(path);
    expect(await image.changed?.()).toBe(false);
    await utimes(path, 1, 1);
    expect(await image.changed?.()).toBe(true);
  });
});
