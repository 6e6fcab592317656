import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testByteSource } from '@vzdump-format/streams/testing';
import { isMet, noise, runTool, scratch } from '@vzdump-format/testing';
import { describe } from 'vitest';
import { openQemuImage } from './qemu-image.js';

const SIZE = 4 << 20;
const content = Buffer.concat([noise(70_000), Buffer.alloc(SIZE - 70_000)]);

describe.runIf(isMet('qemu'))('through qemu-nbd', () => {
  for (const format of ['raw', 'qcow2'] as const) {
    testByteSource(`an image in ${format}`, async () => {
      const directory = await scratch();
      const [raw, image] = [join(directory, 'disk'), join(directory, `disk.${format}`)];
      await writeFile(raw, content.subarray(0, 70_000));
      await truncate(raw, SIZE);
      await runTool('qemu-img', 'convert', '-f', 'raw', '-O', format, raw, image);
      return { content, open: () => openQemuImage(image, { format }) };
    });
  }
});
