import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { sha256, sha256OfFile, writeDisk, writeNoise } from '../support/disk-content.js';
import { runCli, runCliWell } from '../support/running-cli.js';

const QEMU = ['qemu-img', 'qemu-nbd'];
const SAME = ['--uuid', '00112233-4455-6677-8899-aabbccddeeff', '--ctime', '1700000000'];

/** An image of a disk, and the disk itself, which is raw. */
async function makeImage(format: string): Promise<{ directory: string; raw: string; image: string }> {
  const directory = await scratch();
  const [raw, image] = [join(directory, 'disk.raw'), join(directory, `disk.${format}`)];
  await writeDisk(raw);
  await runTool('qemu-img', 'convert', '-f', 'raw', '-O', format, raw, image);
  return { directory, raw, image };
}

describe('a disk image is packed as the disk that it holds', () => {
  for (const format of ['qcow2', 'vmdk', 'vdi', 'vhdx']) {
    testWith(QEMU, format, async () => {
      const { directory, raw, image } = await makeImage(format);
      const [archive, out] = [join(directory, 'a.vma'), join(directory, 'out')];
      await runCliWell(['pack', archive, '--drive', `drive-scsi0=${image}`]);
      await runCliWell(['unpack', archive, '--to', out]);
      expect(await sha256OfFile(join(out, 'disk-drive-scsi0.raw'))).toBe(await sha256OfFile(raw));
    });
  }

  testWith(QEMU, 'in the very bytes that the raw disk gives', async () => {
    const { raw, image } = await makeImage('qcow2');
    const pack = ['pack', '-', '--format', 'vma', ...SAME, '--drive'];
    const [first, second] = [raw, image].map((path) => runCliWell([...pack, `drive-scsi0=${path}`]));
    expect(sha256(await first!)).toBe(sha256(await second!));
  });
});

describe('a qcow2 image that is named as raw', () => {
  testWith(QEMU, 'is refused, with the way out; that way works', async () => {
    const { directory, raw, image } = await makeImage('qcow2');
    const [misnamed, archive] = [join(directory, 'disk.img'), join(directory, 'a.vma')];
    await rename(image, misnamed);
    const { status, stderr } = await runCli(['pack', archive, '--drive', `a=${misnamed}`]);
    expect(stderr).toBe(
      `vzdump-format: ${misnamed} looks like a qcow2 image, but its name does not say so\n` +
        'hint: say which it is: --drive format=qcow2:NAME=PATH or --drive format=raw:NAME=PATH\n',
    );
    expect(status).toBe(1);

    await runCliWell(['pack', archive, '--drive', `format=qcow2:a=${misnamed}`]);
    await runCliWell(['unpack', archive, '--to', join(directory, 'as-qcow2')]);
    expect(await sha256OfFile(join(directory, 'as-qcow2', 'disk-a.raw'))).toBe(await sha256OfFile(raw));
    await runCliWell(['pack', archive, '--drive', `format=raw:a=${misnamed}`, '--force']);
    expect((await runCliWell(['cat', archive, 'a'])).subarray(0, 3).toString()).toBe('QFI');
  });
});

test('without qemu-nbd, one error says what to install', async () => {
  const directory = await scratch();
  const [image, archive] = [join(directory, 'disk.qcow2'), join(directory, 'a.vma')];
  await writeNoise(image, 4096);
  const { status, stderr } = await runCli(['pack', archive, '--drive', `a=${image}`], { env: { PATH: '' } });
  expect(stderr).toBe(
    'vzdump-format: qemu-nbd, which reads qcow2 images, is not installed\n' +
      'hint: install it: Debian has it in the package qemu-utils, others in qemu-img or qemu\n',
  );
  expect(status).toBe(1);
});

testWith(QEMU, 'an image that QEMU cannot open is one error, with its reason', async () => {
  const directory = await scratch();
  const [image, archive] = [join(directory, 'disk.qcow2'), join(directory, 'a.vma')];
  await writeNoise(image, 4096);
  const { status, stderr } = await runCli(['pack', archive, '--drive', `a=${image}`]);
  expect(stderr).toMatch(/^vzdump-format: qemu-nbd cannot open .*disk\.qcow2 as qcow2: .*\n$/);
  expect(status).toBe(1);
});
