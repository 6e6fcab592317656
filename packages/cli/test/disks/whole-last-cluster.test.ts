import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCliWell } from '../support/running-cli.js';
import { makeSampleGuests } from '../support/sample-guests.js';

const BLOCK = 4096;
const EXTENT_HEADER = 512;

/** Stores all 16 blocks of an archive's last cluster, of which it has so many. */
function withWholeLastCluster(archive: Buffer, has: number, slot: number): Buffer {
  const bytes = Buffer.concat([archive, Buffer.alloc((16 - has) * BLOCK, 'past the end ')]);
  const start = bytes.readUInt32BE(56);
  bytes.writeUInt16BE(bytes.readUInt16BE(start + 6) + 16 - has, start + 6);
  bytes.writeUInt16BE(0xffff, start + 40 + 8 * slot);
  const extent = bytes.subarray(start, start + EXTENT_HEADER);
  extent.set(
    createHash('md5')
      .update(Buffer.from(extent).fill(0, 24, 40))
      .digest(),
    24,
  );
  return bytes;
}

test('a last cluster that goes on past the end of its drive is cut by every command', async () => {
  const sample = await makeSampleGuests();
  const at = (name: string) => join(sample.directory, name);
  const disk = Buffer.alloc(65536 + 4096 + 512, 'disk ');
  await writeFile(at('disk.raw'), disk);
  const config =
    'memory: 512\nscsi0: local:100/vm-100-disk-0.raw,size=70144\n#qmdump#map:scsi0:drive-scsi0:local:raw:\n';
  await writeFile(at('qemu-server.conf'), config);
  const sources = ['--config', at('qemu-server.conf'), '--drive', `drive-scsi0=${at('disk.raw')}`];
  await runCliWell(['pack', at('packed.vma'), ...sources]);
  await writeFile(at('a.vma'), withWholeLastCluster(await readFile(at('packed.vma')), 2, 1));

  await runCliWell(['convert', at('a.vma'), at('a.vma.zst')]);
  for (const name of ['a.vma', 'a.vma.zst']) {
    await runCliWell(['verify', at(name)]);
    expect((await runCliWell(['cat', at(name), 'drive-scsi0'])).equals(disk)).toBe(true);
    const stdin = await readFile(at(name));
    expect((await runCliWell(['cat', '-', 'drive-scsi0'], { stdin })).equals(disk)).toBe(true);
    await runCliWell(['unpack', at(name), '--to', at(`out-of-${name}`)]);
    expect((await readFile(at(`out-of-${name}/disk-drive-scsi0.raw`))).equals(disk)).toBe(true);
  }
  expect((await sample.restore(at('a.vma'), '300')).status).toBe(0);
  expect(
    (await readFile(sample.volume(300, 'vm-300-disk-0.raw'))).subarray(0, disk.length).equals(disk),
  ).toBe(true);
});
