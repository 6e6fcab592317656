import { chunked } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { checksum, EXTENT_HEADER_SIZE, EXTENT_OFFSET, OFFSET } from './format.js';
import { unpackVma } from './read/unpack.js';
import { boundaries, repairHeaderChecksum } from './testing/built-archive.js';
import { describeRecords } from './testing/records.js';
import { baseArchive } from './testing/vectors.js';

const EXPECTED = describeRecords(unpackVma(chunked(baseArchive('base'), 65536)));

test.each([
  ['behind its sizes', 60, 2044],
  ['between the pointers and the devices', 4092, 4096],
  ['of a device', OFFSET.devices + 32 + 4, OFFSET.devices + 32 + 8],
  ['at the end of a device', OFFSET.devices + 32 + 16, OFFSET.devices + 64],
])('what is reserved in the header is ignored: %s', async (_, start, end) => {
  const archive = Buffer.from(baseArchive('base')).fill(0xff, start, end);
  expect(await describeRecords(unpackVma(chunked(repairHeaderChecksum(archive), 65536)))).toEqual(
    await EXPECTED,
  );
});

test('bits 47..40 of a block info are ignored', async () => {
  const archive = Buffer.from(baseArchive('base'));
  const extent = archive.subarray(boundaries(archive)[2]!).subarray(0, EXTENT_HEADER_SIZE);
  for (let info = EXTENT_OFFSET.blockInfos; info < EXTENT_HEADER_SIZE; info += 8) extent[info + 2] = 0xff;
  extent.set(checksum(extent, EXTENT_OFFSET.md5), EXTENT_OFFSET.md5);
  expect(await describeRecords(unpackVma(chunked(archive, 65536)))).toEqual(await EXPECTED);
});
