import { crc32 } from 'node:zlib';
import { collect, overwriting, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { mixedBytes, randomBytes, zeros } from '../testing/bytes.js';
import { runTool } from '../testing/tools.js';
import { Flag } from './format.js';
import { lzo } from './lzo.js';
import { lzo1x } from './lzo1x.js';

const HEADER_SIZE = 38;
const plain = mixedBytes(1_500_000);
const decompress = (bytes: Uint8Array, size = 4096) => collect(lzo.decompress()(overwriting(bytes, size)));
const compress = (bytes: Uint8Array, threads?: number) =>
  collect(lzo.compress({ threads })(overwriting(bytes, 'random')));
const failsWith = (code: string, offset?: number) =>
  expect.objectContaining({ code, ...(offset === undefined ? {} : { offset }) });

interface Header {
  readonly version?: number;
  readonly needed?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly name?: string;
  readonly checksumError?: number;
}

/** A header of any kind, from the layout. */
function header({
  version = 0x1040,
  needed = 0x0940,
  method = 1,
  flags = 0,
  name = '',
  checksumError = 0,
}: Header) {
  const isNew = version >= 0x0940;
  const u16 = (value: number) => [value >> 8, value & 0xff];
  const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
  const fields = Buffer.from([
    ...[...u16(version), ...u16(0x20a0), ...(isNew ? u16(needed) : [])],
    ...[method, ...(isNew ? [5] : []), ...u32(flags)],
    ...[...u32(0o100644), ...u32(1_700_000_000), ...(isNew ? u32(0) : [])],
    ...[name.length, ...Buffer.from(name)],
  ]);
  const sum = (bytes: Uint8Array) =>
    (flags & Flag.crcOfHeader) !== 0 ? crc32(bytes) : lzo1x().adler32(bytes);
  const extra = Buffer.from([...u32(5), ...Buffer.from('extra')]);
  const extraField = (flags & Flag.extraField) !== 0 ? [...extra, ...u32(sum(extra))] : [];
  const magic = Buffer.from('894c5a4f000d0a1a0a', 'hex');
  return Buffer.concat([
    magic,
    fields,
    Buffer.from([...u32((sum(fields) ^ checksumError) >>> 0), ...extraField]),
  ]);
}

/** The blocks of what `lzo.compress` wrote, with other checksums than its own. */
async function withChecksums(flags: number): Promise<Buffer> {
  const compressed = await compress(plain);
  const u32 = (value: number) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
  const parts: Uint8Array[] = [header({ flags })];
  for (let at = HEADER_SIZE, start = 0; compressed.readUInt32BE(at) !== 0; ) {
    const [contentLength, length] = [compressed.readUInt32BE(at), compressed.readUInt32BE(at + 4)];
    const content = plain.subarray(start, start + contentLength);
    const data = compressed.subarray(at + 12, at + 12 + length);
    parts.push(compressed.subarray(at, at + 8));
    if ((flags & Flag.adlerOfContent) !== 0) parts.push(u32(lzo1x().adler32(content)));
    if ((flags & Flag.crcOfContent) !== 0) parts.push(u32(crc32(content)));
    if ((flags & Flag.adlerOfCompressed) !== 0 && length < contentLength)
      parts.push(u32(lzo1x().adler32(data)));
    if ((flags & Flag.crcOfCompressed) !== 0 && length < contentLength) parts.push(u32(crc32(data)));
    parts.push(data);
    at += 12 + length;
    start += contentLength;
  }
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

test('every kind of header', async () => {
  const body = (await compress(plain)).subarray(HEADER_SIZE);
  const kinds: Header[] = [
    { name: 'disk.raw' },
    { version: 0x0900 },
    { version: 0x0940, method: 2 },
    { method: 3, flags: Flag.crcOfHeader },
    { flags: Flag.extraField },
    { flags: Flag.extraField | Flag.crcOfHeader, name: 'x'.repeat(255) },
  ];
  for (const kind of kinds) {
    const file = Buffer.concat([header({ ...kind, flags: (kind.flags ?? 0) | Flag.adlerOfContent }), body]);
    expect((await decompress(file, 7)).equals(plain)).toBe(true);
  }
});

test('every combination of checksums, each of which is checked', async () => {
  for (const flags of [0, 0x1, 0x2, 0x100, 0x200, 0x303, 0x101, 0x202]) {
    const file = await withChecksums(flags);
    expect((await decompress(file, 65536)).equals(plain)).toBe(true);
    for (
      let at = HEADER_SIZE + 8;
      at < HEADER_SIZE + 8 + 4 * [...flags.toString(2)].filter(Number).length;
      at += 4
    ) {
      const damaged = Buffer.from(file);
      damaged[at]! ^= 1;
      await expect(decompress(damaged)).rejects.toEqual(failsWith('LZOP_BLOCK_CHECKSUM', HEADER_SIZE));
    }
  }
});

test('says what it cannot read', async () => {
  const end = Buffer.alloc(4);
  const refused: [Header, string][] = [
    [{ version: 0x08ff }, 'LZOP_VERSION'],
    [{ version: 0x2000, needed: 0x1041 }, 'LZOP_VERSION'],
    [{ method: 0 }, 'LZOP_METHOD'],
    [{ method: 4 }, 'LZOP_METHOD'],
    [{ flags: Flag.filter }, 'LZOP_FILTER'],
    [{ checksumError: 1 }, 'LZOP_HEADER_CHECKSUM'],
    [{ checksumError: 0x80000000, flags: Flag.crcOfHeader }, 'LZOP_HEADER_CHECKSUM'],
  ];
  for (const [kind, code] of refused) {
    const hint = code === 'LZOP_HEADER_CHECKSUM' ? undefined : expect.stringContaining('lzop -dc');
    await expect(decompress(Buffer.concat([header(kind), end]))).rejects.toMatchObject({
      code,
      offset: 9,
      hint,
    });
  }
});

test('sizes are not believed', async () => {
  const claim = (contentLength: number, length: number) => {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(contentLength);
    lengths.writeUInt32BE(length, 4);
    return Buffer.concat([header({}), lengths, Buffer.from([0x12, 0x41, 0x11, 0, 0])]);
  };
  await expect(decompress(claim(0xffffffff, 5))).rejects.toEqual(failsWith('LZOP_BLOCK_SIZE', HEADER_SIZE));
  await expect(decompress(claim(0x04000001, 5))).rejects.toEqual(failsWith('LZOP_BLOCK_SIZE'));
  await expect(decompress(claim(5, 6))).rejects.toEqual(failsWith('LZOP_BLOCK_SIZE'));
  await expect(decompress(claim(5, 0))).rejects.toEqual(failsWith('LZOP_BLOCK_SIZE'));
  await expect(decompress(claim(0x04000000, 0x03ffffff))).rejects.toEqual(failsWith('LZOP_TRUNCATED'));
  const endless = Buffer.concat([claim(0x04000000, 5), Buffer.alloc(4)]);
  await expect(decompress(endless)).rejects.toEqual(failsWith('LZOP_BLOCK', HEADER_SIZE));
});

test('a large block, as another program may write it', async () => {
  const large = Buffer.concat([plain, plain, plain]);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(large.length);
  lengths.writeUInt32BE(large.length, 4);
  const file = Buffer.concat([header({}), lengths, large, Buffer.alloc(4)]);
  expect((await decompress(file, 65536)).equals(large)).toBe(true);
});

test('what comes before damage is given out, and the damaged block is named', async () => {
  const compressed = await compress(plain);
  const second = HEADER_SIZE + 12 + compressed.readUInt32BE(HEADER_SIZE + 4);
  const damaged = Buffer.from(compressed);
  damaged[second + 5000]! ^= 0x40;
  let length = 0;
  const reading = async () => {
    for await (const chunk of lzo.decompress()(overwriting(damaged, 65536))) length += chunk.length;
  };
  await expect(reading()).rejects.toEqual(expect.objectContaining({ offset: second }));
  expect(length).toBe(256 * 1024);
});

test('the event loop turns while threads work', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const compressed = await collect(lzo.compress()(zeros(64)));
  expect((await collect(lzo.decompress()(overwriting(compressed, 'random')))).length).toBe(64 << 20);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(1);
});

testWith(['lzop'], 'lzop: accepts what is written here, and would have written it', async () => {
  const contents = [plain, randomBytes(300_000), Buffer.alloc(600_000), Buffer.from('x'), Buffer.alloc(0)];
  for (const content of contents) {
    const compressed = await compress(content);
    await runTool('lzop', ['-t'], compressed);
    expect((await runTool('lzop', ['-dc'], compressed)).equals(content)).toBe(true);
    const theirs = await runTool('lzop', ['-c'], content);
    expect(compressed.subarray(HEADER_SIZE).equals(theirs.subarray(HEADER_SIZE))).toBe(true);
  }
});

testWith(['lzop'], 'lzop: writes what is read here', async () => {
  const options = [['-1'], ['-3'], ['-6'], ['-7'], ['-9'], ['-F'], ['-C'], ['--crc32'], ['--no-checksum']];
  for (const option of options) {
    expect((await decompress(await runTool('lzop', ['-c', ...option], plain))).equals(plain)).toBe(true);
  }
});
