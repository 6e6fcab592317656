import { chunked, collect, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { CLUSTER_SIZE, type VmaHeader } from '../format.js';
import { unpackVma, type VmaRecord, verifyVma } from '../read/unpack.js';
import { headerOf } from '../testing/built-archive.js';
import { deviceHashes } from '../testing/records.js';
import { legalArchive } from '../testing/vectors.js';
import { repackVma } from './repack.js';

type Filter = (record: VmaRecord) => readonly VmaRecord[];

async function* filtered(archive: Buffer, filter: Filter): AsyncGenerator<VmaRecord> {
  for await (const record of unpackVma(chunked(archive, 'random'))) yield* filter(record);
}

async function* listed(...records: VmaRecord[]): AsyncGenerator<VmaRecord> {
  yield* records;
}

function withHeader(change: (header: VmaHeader) => VmaHeader): Filter {
  return (record) => [record.kind === 'header' ? { kind: 'header', header: change(record.header) } : record];
}

describe('in flight', () => {
  const { bytes, hashes } = legalArchive('two-drives-two-configs');

  test('a config is rewritten, and the drives stay', async () => {
    const data = Buffer.from('name: another\nmemory: 4096\n');
    const rewrite = withHeader((header) => ({
      ...header,
      configs: header.configs.map((config) =>
        config.name === 'qemu-server.conf' ? { ...config, data } : config,
      ),
    }));
    const archive = await collect(repackVma(filtered(bytes, rewrite)));
    const { header } = await verifyVma(chunked(archive, 65536));
    expect(header.configs.find(({ name }) => name === 'qemu-server.conf')!.data).toEqual(data);
    expect(header.configs).toHaveLength(2);
    expect(await deviceHashes(unpackVma(chunked(archive, 65536)))).toEqual(hashes);
  });

  test('a drive is left out, and the other one keeps its id', async () => {
    const archive = await collect(
      repackVma(
        filtered(bytes, (record) => {
          if (record.kind !== 'header') return record.device.id === 1 ? [] : [record];
          const devices = record.header.devices.filter(({ id }) => id !== 1);
          return [{ kind: 'header', header: { ...record.header, devices } }];
        }),
      ),
    );
    expect((await verifyVma(chunked(archive, 65536))).header.devices.map(({ id }) => id)).toEqual([2]);
    expect(await deviceHashes(unpackVma(chunked(archive, 65536)))).toEqual({ 2: hashes[2] });
  });

  test('a drive that is left out of the header alone is an error', async () => {
    const forget = withHeader((header) => ({ ...header, devices: header.devices.slice(1) }));
    await expect(collect(repackVma(filtered(bytes, forget)))).rejects.toMatchObject({
      code: 'VMA_UNKNOWN_DEVICE',
    });
  });

  test('a drive that is left out of the content alone is an error', async () => {
    const forget: Filter = (record) => (record.kind !== 'header' && record.device.id === 1 ? [] : [record]);
    await expect(collect(repackVma(filtered(bytes, forget)))).rejects.toMatchObject({
      code: 'VMA_MISSING_CLUSTERS',
    });
  });
});

test('an extent of 59 clusters becomes one of 58 and one of 1', async () => {
  const { bytes, hashes } = legalArchive('extent-max-3867136');
  const archive = await collect(repackVma(unpackVma(chunked(bytes, 65536))));
  expect(archive.length).toBe(bytes.length + 512);
  expect(await deviceHashes(unpackVma(chunked(archive, 65536)))).toEqual(hashes);
});

test('blocks of zeros that were stored stay stored', async () => {
  const { bytes } = legalArchive('stored-zero-blocks');
  expect((await collect(repackVma(unpackVma(chunked(bytes, 4096))))).equals(bytes)).toBe(true);
});

describe('records that make no archive are refused', () => {
  const device = { id: 1, name: 'drive-scsi0', size: 2 * CLUSTER_SIZE + 512 };
  const header: VmaRecord = { kind: 'header', header: headerOf([device]) };
  const zeros = (offset: number, length: number): VmaRecord => ({ kind: 'zeros', device, offset, length });
  const data = (offset: number, length: number): VmaRecord => ({
    kind: 'data',
    device,
    offset,
    data: noise(length),
  });
  const first = zeros(0, CLUSTER_SIZE);
  const rest = zeros(CLUSTER_SIZE, CLUSTER_SIZE + 512);

  test.each<[what: string, records: VmaRecord[], code: string]>([
    ['nothing', [], 'VMA_RECORD_ORDER'],
    ['no header', [first, rest], 'VMA_RECORD_ORDER'],
    ['a header in the middle', [header, first, header, rest], 'VMA_RECORD_ORDER'],
    ['a cluster that is missing', [header, first], 'VMA_MISSING_CLUSTERS'],
    ['a cluster that comes twice', [header, first, rest, first], 'VMA_DUPLICATE_CLUSTER'],
    [
      'a cluster that lies past the end',
      [header, first, zeros(CLUSTER_SIZE, 2 * CLUSTER_SIZE)],
      'VMA_CLUSTER_RANGE',
    ],
    [
      'a cluster that begins in its middle',
      [header, zeros(4096, CLUSTER_SIZE - 4096), rest],
      'VMA_RECORD_ORDER',
    ],
    ['a cluster without its end', [header, zeros(0, 4096), rest], 'VMA_RECORD_ORDER'],
    ['a last cluster without its end', [header, rest, zeros(0, 8192)], 'VMA_RECORD_ORDER'],
    [
      'blocks in the wrong order',
      [header, data(0, 4096), data(8192, 4096), data(4096, 4096)],
      'VMA_RECORD_ORDER',
    ],
    ['a block that comes twice', [header, data(0, 4096), data(0, 4096)], 'VMA_RECORD_ORDER'],
    ['half a block', [header, data(0, 2048), data(2048, 2048)], 'VMA_RECORD_ORDER'],
    ['a cluster at an odd place', [header, zeros(100, CLUSTER_SIZE)], 'VMA_RECORD_ORDER'],
    [
      'less than the last block',
      [header, first, zeros(CLUSTER_SIZE, CLUSTER_SIZE + 256)],
      'VMA_RECORD_ORDER',
    ],
  ])('%s', async (_, records, code) => {
    await expect(collect(repackVma(listed(...records)))).rejects.toMatchObject({
      name: 'ArchiveError',
      code,
    });
  });

  test('and the error tells where the archive ended', async () => {
    const large = { ...device, size: 200 * CLUSTER_SIZE };
    const records: VmaRecord[] = [
      { kind: 'header', header: headerOf([large]) },
      { kind: 'zeros', device: large, offset: 0, length: 150 * CLUSTER_SIZE },
    ];
    await expect(collect(repackVma(listed(...records)))).rejects.toMatchObject({
      code: 'VMA_MISSING_CLUSTERS',
      offset: 12800 + 3 * 512,
    });
  });

  test('and those that do, in any pieces, are taken', async () => {
    const pieces = [data(0, 4096), zeros(4096, 8192), data(12288, CLUSTER_SIZE - 12288), rest];
    const archive = await collect(repackVma(listed(header, ...pieces)));
    expect((await verifyVma(chunked(archive, 65536))).header.devices).toEqual([device]);
    const backwards = await collect(
      repackVma(listed(header, data(2 * CLUSTER_SIZE, 512), zeros(CLUSTER_SIZE, CLUSTER_SIZE), first)),
    );
    await verifyVma(chunked(backwards, 65536));
  });
});
