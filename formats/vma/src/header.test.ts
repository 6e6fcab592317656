import { BufferSource } from '@vzdump-format/streams';
import { chunked, collect, noise, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { MAX_DEVICE_SIZE, OFFSET, type VmaDevice, type VmaHeader } from './format.js';
import { encodeHeader, readVmaHeader } from './header.js';
import { verifyVma } from './read/unpack.js';
import { CTIME, headerOf, repairHeaderChecksum, UUID } from './testing/built-archive.js';
import { packVma } from './write/pack.js';

async function readBack(header: VmaHeader): Promise<VmaHeader> {
  return readVmaHeader(chunked(encodeHeader(header), 65536));
}

function configs(count: number, bytes = 5) {
  return Array.from({ length: count }, (_, index) => ({ name: `${index}.conf`, data: noise(bytes, index) }));
}

function devices(count: number, size = 65536): VmaDevice[] {
  return Array.from({ length: count }, (_, index) => ({ id: index + 1, name: `drive-${index}`, size }));
}

describe('the limits of the format can be reached', () => {
  test.each([
    ['nothing at all', headerOf([])],
    ['254 drives and 256 configs', headerOf(devices(254), configs(256))],
    ['a name of 64 KiB', headerOf([{ id: 1, name: 'x'.repeat(65534), size: 512 }])],
    ['an empty config', headerOf([], configs(1, 0))],
    [
      'a drive of 256 TiB, and one of a sector',
      headerOf([...devices(1, MAX_DEVICE_SIZE), { id: 254, name: 'b', size: 512 }]),
    ],
    [
      'names that are not UTF-8',
      headerOf([{ id: 7, name: 'a\udcff', size: 512 }], [{ name: '\udc80', data: noise(3) }]),
    ],
    ['a time before the epoch', { ...headerOf(devices(1)), ctime: -1n }],
    ['the last time that there is', { ...headerOf(devices(1)), ctime: 2n ** 63n - 1n }],
    ['the first time that there is', { ...headerOf(devices(1)), ctime: -(2n ** 63n) }],
  ])('%s', async (_, header) => {
    expect(await readBack(header)).toEqual(header);
  });

  test('256 configs of 64 KiB', async () => {
    const header = headerOf([], configs(256, 65535));
    const { configs: read } = await readBack(header);
    expect(read.map(({ data }) => sha256(data))).toEqual(header.configs.map(({ data }) => sha256(data)));
  });

  test.each([508, 509, 510, 511, 512, 1021, 1022, 1023])(
    'a first blob of %d bytes, where the writer of Proxmox may fall short by one',
    async (length) => {
      const header = headerOf([], [{ name: 'x'.repeat(length - 1), data: noise(10) }]);
      expect(await readBack(header)).toEqual(header);
      const alone = headerOf([{ id: 1, name: 'x'.repeat(length - 1), size: 512 }]);
      expect(await readBack(alone)).toEqual(alone);
    },
  );
});

describe('beyond the limits is an error', () => {
  const config = { name: 'a.conf', data: noise(5) };
  test.each<[what: string, header: VmaHeader, code: string, message: string]>([
    ['257 configs', headerOf([], configs(257)), 'VMA_LIMIT', '257 configs: a VMA archive holds 256 at most'],
    ['255 drives', headerOf(devices(255)), 'VMA_LIMIT', 'drive 255: a VMA archive holds 254 drives at most'],
    ['a drive with id 0', headerOf([{ id: 0, name: 'a', size: 512 }]), 'VMA_LIMIT', 'drive 0:'],
    [
      'two drives with one id',
      headerOf([...devices(1), { id: 1, name: 'b', size: 512 }]),
      'VMA_DEVICE_ID',
      'same id',
    ],
    [
      'a config of 65536 bytes',
      headerOf([], configs(1, 65536)),
      'VMA_LIMIT',
      'config 0.conf has 65536 bytes: 65535 can be stored',
    ],
    [
      'a name of 65536 bytes',
      headerOf([{ id: 1, name: 'x'.repeat(65535), size: 512 }]),
      'VMA_LIMIT',
      'x… has 65536 bytes',
    ],
    ['a drive without size', headerOf(devices(1, 0)), 'VMA_LIMIT', 'drive drive-0 has 0 bytes'],
    ['a drive above 256 TiB', headerOf(devices(1, MAX_DEVICE_SIZE + 512)), 'VMA_LIMIT', '1 byte to 256 TiB'],
    [
      'two drives of one name',
      headerOf([...devices(1), { ...devices(1)[0]!, id: 2 }]),
      'VMA_NAME',
      'two drives are named drive-0',
    ],
    ['two configs of one name', headerOf([], [config, config]), 'VMA_NAME', 'two configs are named a.conf'],
    [
      'a drive without a name',
      headerOf([{ id: 1, name: '', size: 512 }]),
      'VMA_NAME',
      '"" cannot be the name of a drive',
    ],
    [
      'a config without a name',
      headerOf([], [{ ...config, name: '' }]),
      'VMA_NAME',
      '"" cannot be the name of a config',
    ],
    [
      'a NUL in a name',
      headerOf([], [{ ...config, name: 'a\0b' }]),
      'VMA_NAME',
      '"a\\x00b" cannot be the name of a config',
    ],
    ['a uuid that is none', { ...headerOf([]), uuid: 'abc' }, 'VMA_UUID', 'not a uuid: "abc"'],
    ['a time past 64 bits', { ...headerOf([]), ctime: 2n ** 63n }, 'VMA_CTIME', 'does not fit into 64 bits'],
  ])('%s', (_, header, code, message) => {
    expect(() => encodeHeader(header)).toThrow(
      expect.objectContaining({ name: 'ArchiveError', code, message: expect.stringContaining(message) }),
    );
  });

  test('when packing: before the first byte', async () => {
    const drives = [{ name: 'empty', source: new BufferSource(Buffer.alloc(0)) }];
    await expect(packVma({ drives }).next()).rejects.toMatchObject({ code: 'VMA_LIMIT', entry: 'empty' });
    const many = Array.from({ length: 255 }, (_, index) => ({
      name: `${index}`,
      source: new BufferSource(noise(1)),
    }));
    await expect(packVma({ drives: many }).next()).rejects.toMatchObject({ code: 'VMA_LIMIT' });
    await expect(packVma({ ctime: 1.5 }).next()).rejects.toMatchObject({ code: 'VMA_CTIME' });
  });
});

test('254 drives and 256 configs are packed and read back', async () => {
  const drives = devices(254).map(({ name, id }) => ({ name, source: new BufferSource(noise(id)) }));
  const archive = await collect(packVma({ configs: configs(256), drives, uuid: UUID, ctime: CTIME }));
  const { header } = await verifyVma(chunked(archive, 65536));
  expect(header).toEqual({ ...headerOf(devices(254, 512)), configs: configs(256) });
});

test('a text that goes on behind the blob buffer is none', async () => {
  const header = encodeHeader(headerOf([], [{ name: 'a', data: noise(40) }]));
  const used = header.readUInt32BE(OFFSET.blobBufferSize);
  header.writeUInt32BE(used - 1, OFFSET.blobBufferSize);
  await expect(readVmaHeader(chunked(repairHeaderChecksum(header), 65536))).rejects.toMatchObject({
    code: 'VMA_BLOB',
    offset: OFFSET.configData,
  });
});

test('a uuid may be given without hyphens, and in capitals', async () => {
  const uuid = UUID.replaceAll('-', '').toUpperCase();
  expect((await readBack({ ...headerOf([]), uuid })).uuid).toBe(UUID);
});
