import { ArchiveError, BufferSource, type ByteRange, type ByteSource } from '@vzdump-format/streams';
import { badVmaBytes, verdicts } from '@vzdump-format/test-vectors';
import { chunked, noise } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtArchive, clustersOf, headerOf } from '../testing/built-archive.js';
import { baseArchive, legalArchive, legalArchives } from '../testing/vectors.js';
import { openVma, type VmaArchive } from './random-access.js';
import { unpackVma } from './unpack.js';

interface StreamedDevice {
  readonly content: Buffer;
  /** Where data is stored, in order, joined where it touches. */
  readonly stored: ByteRange[];
}

/** What reading in one pass says of each device. */
async function streamedDevices(archive: Buffer): Promise<Map<number, StreamedDevice>> {
  const devices = new Map<number, StreamedDevice>();
  for await (const record of unpackVma(chunked(archive, 65536))) {
    if (record.kind === 'header') {
      for (const { id, size } of record.header.devices) {
        devices.set(id, { content: Buffer.alloc(size), stored: [] });
      }
    } else if (record.kind === 'data') {
      const { content, stored } = devices.get(record.device.id)!;
      content.set(record.data, record.offset);
      stored.push({ start: record.offset, end: record.offset + record.data.length });
    }
  }
  for (const { stored } of devices.values()) stored.sort((a, b) => a.start - b.start);
  return new Map([...devices].map(([id, device]) => [id, { ...device, stored: joined(device.stored) }]));
}

function joined(ranges: readonly ByteRange[]): ByteRange[] {
  const found: { start: number; end: number }[] = [];
  for (const { start, end } of ranges) {
    if (found.at(-1)?.end === start) found.at(-1)!.end = end;
    else found.push({ start, end });
  }
  return found;
}

/** All ranges of data that a source tells. */
async function dataRanges(source: ByteSource): Promise<ByteRange[]> {
  const found: ByteRange[] = [];
  for (let at = 0; ; at = found.at(-1)!.end) {
    const range = await source.nextData!(at);
    if (range === undefined) return joined(found);
    expect(range.start).toBeGreaterThanOrEqual(at);
    expect(range.end).toBeGreaterThan(range.start);
    found.push(range);
  }
}

test.each(legalArchives())('$name has the header that reading in one pass gives', async ({ bytes }) => {
  const { value: first } = await unpackVma(chunked(bytes, 65536)).next();
  expect((await openVma(new BufferSource(bytes))).header).toEqual((first as { header: unknown }).header);
});

/** A drive of the other one would take too much memory to hold whole. */
const small = legalArchives().filter(({ name }) => name !== 'large-sparse-4g');

test.each(small)('$name reads as it streams, at any offset and length', async ({ bytes }) => {
  const archive = await openVma(new BufferSource(bytes));
  const streamed = await streamedDevices(bytes);
  for (const { id, size } of archive.header.devices) {
    const source = archive.device(String(id));
    const { content, stored } = streamed.get(id)!;
    expect(source.size).toBe(size);
    expect((await readAt(source, 0, size)).equals(content)).toBe(true);
    expect(await dataRanges(source)).toEqual(stored);
    const places = fc.tuple(fc.nat(size + 1000), fc.nat(Math.min(size, 200_000)));
    await fc.assert(
      fc.asyncProperty(places, async ([offset, length]) => {
        const expected = content.subarray(offset, offset + length);
        expect((await readAt(source, offset, length)).equals(expected)).toBe(true);
        const range = stored.find(({ end }) => end > offset);
        const next = await source.nextData!(offset);
        expect(next?.start).toBe(range && Math.max(range.start, offset));
      }),
      { numRuns: 20 },
    );
  }
});

async function readAt(source: ByteSource, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length + 10, 0xee);
  const got = await source.read(buffer.subarray(0, length), offset);
  expect(buffer.subarray(got).every((byte) => byte === 0xee)).toBe(true);
  return buffer.subarray(0, got);
}

test('a large sparse drive tells where its data lies', async () => {
  const { bytes } = legalArchive('large-sparse-4g');
  const archive = await openVma(new BufferSource(bytes));
  const stored: ByteRange[] = [];
  for await (const record of unpackVma(chunked(bytes, 65536))) {
    if (record.kind === 'data')
      stored.push({ start: record.offset, end: record.offset + record.data.length });
  }
  expect(await dataRanges(archive.device('1'))).toEqual(joined(stored));
});

describe('bad archives are refused with the code that reading in one pass gives', () => {
  const names = new Set(['VMA_CONFIG_NAME', 'VMA_DEVICE_NAME']); // of which only those who make files take note
  test.each(verdicts())('$name', async (entry) => {
    const warnings: string[] = [];
    const opening = openVma(new BufferSource(badVmaBytes(entry)), {
      onWarning: ({ code }) => warnings.push(code),
    });
    if (entry.error !== undefined && !names.has(entry.error)) {
      await expect(opening).rejects.toMatchObject({ name: 'ArchiveError', code: entry.error });
    } else {
      await opening;
      expect(warnings).toEqual(entry.warning === undefined ? [] : [entry.warning]);
    }
  });
});

test('memory state is read at any offset, though it comes in order over several extents', async () => {
  const devices = [
    { id: 1, name: 'drive-scsi0', size: 3 * 65536 },
    { id: 2, name: 'vmstate', size: 7 * 65536 + 512 },
  ];
  const [disk, state] = [noise(3 * 65536, 1), noise(7 * 65536 + 512, 2)];
  const diskClusters = clustersOf(devices[0]!, disk);
  const stateClusters = clustersOf(devices[1]!, state);
  const extents = [
    [...diskClusters.slice(2), ...stateClusters.slice(0, 3)],
    [...stateClusters.slice(3, 5), ...diskClusters.slice(0, 2)],
    stateClusters.slice(5),
  ];
  const archive = await openVma(new BufferSource(builtArchive(headerOf(devices), extents)));
  expect((await readAt(archive.device('vmstate'), 0, state.length)).equals(state)).toBe(true);
  expect(
    (await readAt(archive.device('vmstate'), 6 * 65536, 1000)).equals(
      state.subarray(6 * 65536, 6 * 65536 + 1000),
    ),
  ).toBe(true);
  expect((await readAt(archive.device('drive-scsi0'), 0, disk.length)).equals(disk)).toBe(true);
});

describe('devices', () => {
  const open = async (name: 'base' | 'multi' = 'base') => openVma(new BufferSource(baseArchive(name)));

  test('are found by name and by id', async () => {
    const archive = await open();
    for (const name of ['drive-efidisk0', '2']) expect(archive.device(name).size).toBe(131072);
  });

  test.each(['drive-scsi9', '3', '0', '', 'DRIVE-SCSI0'])(
    'that are not there are an error: %j',
    async (name) => {
      const archive = await open();
      expect(() => archive.device(name)).toThrow(
        expect.objectContaining({
          code: 'VMA_NO_SUCH_DEVICE',
          entry: name,
          hint: 'it has: drive-scsi0, drive-efidisk0',
        }),
      );
    },
  );

  test('where there are none at all', async () => {
    const archive = await openVma(new BufferSource(legalArchive('config-only-no-device').bytes));
    expect(() => archive.device('drive-scsi0')).toThrow(
      expect.objectContaining({ hint: 'it has no drives at all' }),
    );
  });

  test('can be read at the same time', async () => {
    const { bytes } = legalArchive('two-drives-two-configs');
    const archive = await openVma(new BufferSource(bytes));
    const streamed = await streamedDevices(bytes);
    const reads = Array.from({ length: 64 }, async (_, index) => {
      const { content } = streamed.get(1 + (index % 2))!;
      const offset = (index * 30_000) % content.length;
      const read = await readAt(archive.device(String(1 + (index % 2))), offset, 50_000);
      return read.equals(content.subarray(offset, offset + 50_000));
    });
    expect(await Promise.all(reads)).not.toContain(false);
  });
});

describe('an archive that changes or fails while it is open', () => {
  async function openCopy(): Promise<{ bytes: Buffer; archive: VmaArchive }> {
    const bytes = Buffer.from(baseArchive('multi'));
    return { bytes, archive: await openVma(new BufferSource(bytes)) };
  }

  test('an extent header that was overwritten is seen when it is read', async () => {
    const { bytes, archive } = await openCopy();
    bytes[12800 + 100]! ^= 1;
    await expect(readAt(archive.device('1'), 0, 10)).rejects.toMatchObject({ code: 'VMA_EXTENT_CHECKSUM' });
  });

  test('an extent that is another one now', async () => {
    const { bytes, archive } = await openCopy();
    const second = 12800 + 512 + bytes.readUInt16BE(12800 + 6) * 4096;
    bytes.copyWithin(12800, second, second + 512);
    await expect(readAt(archive.device('1'), 0, 10)).rejects.toMatchObject({ code: 'VMA_CHANGED' });
  });

  test('a read that failed once is tried again', async () => {
    let failures = 0;
    const good = new BufferSource(baseArchive('multi'));
    const flaky: ByteSource = {
      size: good.size,
      read: async (buffer, offset) => {
        if (failures-- > 0) throw new Error('EIO');
        return good.read(buffer, offset);
      },
      close: async () => {},
    };
    const device = (await openVma(flaky)).device('1');
    failures = 1;
    await expect(device.read(Buffer.alloc(10), 0)).rejects.toThrow('EIO');
    expect(await device.read(Buffer.alloc(10), 0)).toBe(10);
  });

  test('no read is under way any more when opening has failed', async () => {
    let underWay = 0;
    const bytes = noise(1 << 20);
    const slow: ByteSource = {
      size: bytes.length,
      read: async (buffer, offset) => {
        underWay++;
        await new Promise((resolve) => setImmediate(resolve));
        underWay--;
        return new BufferSource(bytes).read(buffer, offset);
      },
      close: async () => {},
    };
    await expect(openVma(slow)).rejects.toThrow(ArchiveError);
    expect(underWay).toBe(0);
  });
});

test('opening reads headers, not data', async () => {
  const { bytes } = legalArchive('extent-max-3867136');
  const good = new BufferSource(bytes);
  let read = 0;
  const counting: ByteSource = {
    size: good.size,
    read: (buffer, offset) => {
      read += buffer.length;
      return good.read(buffer, offset);
    },
    close: async () => {},
  };
  await openVma(counting);
  expect(read).toBeLessThan(300_000);
});

test('an abort ends the opening', async () => {
  const signal = AbortSignal.abort(new Error('stop'));
  await expect(openVma(new BufferSource(baseArchive('base')), { signal })).rejects.toThrow('stop');
});
