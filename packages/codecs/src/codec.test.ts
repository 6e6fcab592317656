import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codec, codecs } from './registry.js';
import { bzip2Places, gzipPlaces, lzopPlaces, zstdFrameEnds, zstdPlaces } from './testing/block-places.js';
import type { CodecCase } from './testing/codec-case.js';
import { testCodec } from './testing/codec-contract.js';

const golden = (name: string) =>
  readFileSync(new URL(`../../../test-vectors/codecs/${name}`, import.meta.url));

const GZIP = {
  prefix: 'GZIP',
  placesIn: gzipPlaces,
  seekable: 'by an index',
  claims: [],
  rounds: 40,
} as const;
const ZSTD = {
  codec: codec('zstd'),
  prefix: 'ZSTD',
  placesIn: zstdPlaces,
  claims: [
    Buffer.from('28b52ffdc0580000000002000000110000' + '0102', 'hex'), // 8 GiB, of which there are two bytes
    Buffer.from('28b52ffde00000000002000000', 'hex'), // 8 GiB at once
  ],
  rounds: 40,
} as const;

const CASES: Readonly<Record<string, CodecCase>> = {
  none: {
    codec: codec('none'),
    prefix: undefined,
    placesIn: async () => [],
    claims: [],
    seekable: 'as it is',
    rounds: 0,
  },
  lzo: {
    codec: codec('lzo'),
    prefix: 'LZOP',
    placesIn: lzopPlaces,
    claims: [lzopClaim(0xffffffff, 5), lzopClaim(0x04000000, 0x03ffffff), lzopClaim(0x04000000, 5)],
    seekable: 'as it is',
    rounds: 40,
  },
  gzip: { ...GZIP, codec: codec('gzip') },
  'gzip, rsyncable': { ...GZIP, codec: codec('gzip'), options: { rsyncable: true } },
  pigz: { ...GZIP, codec: codec('pigz') },
  'pigz, rsyncable': { ...GZIP, codec: codec('pigz'), options: { rsyncable: true } },
  zstd: { ...ZSTD, options: { frameSize: 300_000 }, wholeBefore: zstdFrameEnds, seekable: 'as it is' },
  'zstd in one frame': { ...ZSTD, options: { seekable: false }, seekable: 'by an index' },
  bzip2: {
    codec: codec('bzip2'),
    prefix: 'BZIP2',
    example: { file: golden('bzip2-1.bz2'), content: golden('content') },
    placesIn: bzip2Places,
    claims: [],
    seekable: 'never',
    rounds: 5, // a worker thread is started for each
  },
};

/** A header, and a block of such sizes of which there are some bytes. */
function lzopClaim(contentLength: number, length: number): Buffer {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(contentLength);
  lengths.writeUInt32BE(length, 4);
  const header = golden('lzop-no-checksum.lzo').subarray(0, 38);
  return Buffer.concat([header, lengths, Buffer.alloc(9, 0x12)]);
}

for (const [name, tried] of Object.entries(CASES)) testCodec(name, tried);

test('every codec is tried', () => {
  expect(new Set(Object.values(CASES).map((tried) => tried.codec))).toEqual(new Set(codecs));
});
