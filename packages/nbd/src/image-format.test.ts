import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { detectImageFormat, IMAGE_HEAD_SIZE } from './image-format.js';

testWith(['qemu'], 'what qemu-img creates is recognised', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nbd-test-'));
  try {
    for (const format of ['qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qed', 'raw']) {
      const path = join(directory, format);
      await runTool('qemu-img', 'create', '-q', '-f', format, path, '1M');
      const expected = format === 'raw' ? undefined : format;
      expect(detectImageFormat(await headOf(path)), format).toBe(expected);
    }
    const older = join(directory, 'older');
    await runTool('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'compat=0.10', older, '1M');
    expect(detectImageFormat(await headOf(older))).toBe('qcow2');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('the rarer beginnings of a vmdk are recognised, and other things are not', () => {
  expect(detectImageFormat(Buffer.from('COWD\x01\0\0\0'))).toBe('vmdk');
  expect(detectImageFormat(Buffer.from('# Disk DescriptorFile\nversion=1\n'))).toBe('vmdk');
  expect(detectImageFormat(Buffer.from('QFI\xfb\0\0\0\x01', 'latin1'))).toBeUndefined();
  expect(detectImageFormat(Buffer.from('QFI'))).toBeUndefined();
  expect(detectImageFormat(new Uint8Array(0))).toBeUndefined();
  expect(detectImageFormat(new Uint8Array(IMAGE_HEAD_SIZE))).toBeUndefined();
});

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path);
  const { buffer, bytesRead } = await file.read(new Uint8Array(IMAGE_HEAD_SIZE), 0, IMAGE_HEAD_SIZE, 0);
  await file.close();
  return buffer.subarray(0, bytesRead);
}
