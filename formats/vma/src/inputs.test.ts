import { BufferSource } from '@vzdump-format/streams';
import { collect, INPUTS, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { readVmaHeader } from './header.js';
import { streamDrive } from './read/drive-stream.js';
import { unpackVma, verifyVma, webUnpackVma } from './read/unpack.js';
import { type PackVmaOptions, packVma, webPackVma } from './write/pack.js';
import { repackVma, webRepackVma } from './write/repack.js';

const DISK = noise(200_704);

function packed(): Promise<Buffer> {
  return collect(packVma({ drives: [{ name: 'disk', source: new BufferSource(DISK) }] }));
}

describe.each(INPUTS)('%s', (_, give) => {
  test('is verified, unpacked and packed again, and has its header and a drive read', async () => {
    const archive = await packed();
    expect(await verifyVma(give(archive))).toMatchObject({ bytes: DISK.length });
    expect((await readVmaHeader(give(archive))).devices).toMatchObject([{ name: 'disk' }]);
    expect((await collect(streamDrive(give(archive), 'disk'))).equals(DISK)).toBe(true);
    expect((await collect(repackVma(unpackVma(give(archive))))).equals(archive)).toBe(true);
  });
});

test('passes through web streams', async () => {
  const archive = webPackVma({ drives: [{ name: 'disk', source: new BufferSource(DISK) }] });
  const again = archive.pipeThrough(webUnpackVma()).pipeThrough(webRepackVma());
  expect((await collect(streamDrive(again, 'disk'))).equals(DISK)).toBe(true);
});

test('records in an array are packed', async () => {
  const header = { uuid: '00000000-0000-4000-8000-000000000000', ctime: 0n, configs: [], devices: [] };
  const archive = await collect(repackVma([{ kind: 'header', header }]));
  expect((await verifyVma([archive])).header).toMatchObject({ uuid: header.uuid });
});

test('bytes that are given in place of chunks are refused', async () => {
  await expect(verifyVma((await packed()) as never)).rejects.toMatchObject({ code: 'INPUT_KIND' });
});

const source = new BufferSource(DISK);
const config = { name: 'qemu-server.conf', data: 'name: web\n' };
test.each([
  ['no source', 'VMA_SOURCE', { drives: [{ name: 'disk' }] }],
  ['bytes as a source', 'VMA_SOURCE', { drives: [{ name: 'disk', source: DISK }] }],
  ['a date as ctime', 'VMA_CTIME', { drives: [{ name: 'disk', source }], ctime: new Date(0) }],
  ['a text as a config', 'VMA_CONFIG', { configs: [config] }],
])('%s is refused', async (_, code, options) => {
  const packing = collect(packVma(options as unknown as PackVmaOptions));
  await expect(packing).rejects.toMatchObject({ name: 'ArchiveError', code });
});
