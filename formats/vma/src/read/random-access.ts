import {
  ArchiveError,
  type ByteRange,
  ByteReader,
  type ByteSource,
  readChunks,
  readFully,
} from '@vzdump-format/streams';
import {
  BLOCK_SIZE,
  CLUSTER_SIZE,
  decodeExtentHeader,
  EXTENT_HEADER_SIZE,
  parseUuid,
  type VmaDevice,
  type VmaHeader,
} from '../format.js';
import { readHeader } from '../header.js';
import { findDevice } from '../names.js';
import { type Run, requireExtent, requireWhole, runsOf, truncatedExtent } from '../write/extents.js';
import { ClusterMap } from './cluster-map.js';
import type { UnpackVmaOptions } from './unpack.js';

/** The headers at the start of an archive are read in chunks of this size. */
const HEADER_CHUNK_SIZE = 64 * 1024;

/** An archive whose drives can be read at any offset. */
export interface VmaArchive {
  readonly header: VmaHeader;
  /** A drive as bytes at rest, by name or id. @throws `VMA_NO_SUCH_DEVICE` */
  device(name: string): ByteSource;
}

/** Consecutive clusters of one device that stand in one extent. */
interface ClusterRange {
  readonly first: number;
  count: number;
  readonly extentOffset: number;
}

/** A run, and where its first stored byte stands in the archive. */
interface LocatedRun extends Run {
  readonly archiveOffset: number;
}

/**
 * Opens an archive for random access: one pass over the extents' headers, which skips the data and proves the
 * same as
 * `unpackVma`. Memory: one range per extent (7 MB for 1 TiB of drives in order), more where clusters are out of order.
 *
 * @throws as `unpackVma`
 */
export async function openVma(archive: ByteSource, options: UnpackVmaOptions = {}): Promise<VmaArchive> {
  const { header, size } = await readHeaderAndSize(archive, options);
  const index = await indexClusters(archive, header, size, options.signal);
  const extents = new ExtentReader(archive, header);
  return {
    header,
    device: (name) => {
      const device = findDevice(header, name);
      return new DeviceSource(device, index.get(device.id)!, archive, extents);
    },
  };
}

async function readHeaderAndSize(
  archive: ByteSource,
  { onWarning, signal }: UnpackVmaOptions,
): Promise<{ header: VmaHeader; size: number }> {
  const chunks = readChunks(archive, { chunkSize: HEADER_CHUNK_SIZE, readAhead: 1, signal });
  const reader = new ByteReader(chunks);
  try {
    const header = await readHeader(reader, onWarning);
    return { header, size: reader.offset };
  } finally {
    await reader.close();
  }
}

/** Finds out which extent holds which clusters. @returns ranges in order, by device id */
async function indexClusters(
  archive: ByteSource,
  header: VmaHeader,
  start: number,
  signal?: AbortSignal,
): Promise<Map<number, ClusterRange[]>> {
  const index = new Map<number, ClusterRange[]>(header.devices.map((device) => [device.id, []]));
  const clusters = new ClusterMap(header.devices);
  const uuid = parseUuid(header.uuid);
  const bytes = Buffer.alloc(EXTENT_HEADER_SIZE);
  let offset = start;
  let extents = 0;
  for (; offset < archive.size; extents++) {
    signal?.throwIfAborted();
    requireExtent(bytes.subarray(0, await archive.read(bytes, offset)), offset, extents, clusters);
    const { blockInfos, blockCount } = decodeExtentHeader(bytes, uuid, offset);
    runsOf(blockInfos, (info) => clusters.add(info, offset), offset); // checks them
    for (const { deviceId, cluster } of blockInfos) {
      const ranges = index.get(deviceId)!;
      const last = ranges.at(-1);
      if (last?.extentOffset === offset && last.first + last.count === cluster) last.count++;
      else ranges.push({ first: cluster, count: 1, extentOffset: offset });
    }
    offset += EXTENT_HEADER_SIZE + blockCount * BLOCK_SIZE;
  }
  if (offset > archive.size) throw truncatedExtent(archive.size);
  requireWhole(offset, extents, clusters);
  for (const ranges of index.values()) ranges.sort((a, b) => a.first - b.first);
  return index;
}

/**
 * Reads extent headers as lists of runs; the last one is kept, since reads mostly go on where they stopped.
 */
class ExtentReader {
  private readonly uuid: Buffer;
  private readonly devices: ReadonlyMap<number, VmaDevice>;
  private last: { readonly offset: number; readonly runs: Promise<LocatedRun[]> } | undefined;

  constructor(
    private readonly archive: ByteSource,
    header: VmaHeader,
  ) {
    this.uuid = parseUuid(header.uuid);
    this.devices = new Map(header.devices.map((device) => [device.id, device]));
  }

  async runs(offset: number): Promise<LocatedRun[]> {
    if (this.last?.offset !== offset) this.last = { offset, runs: this.readRuns(offset) };
    const last = this.last;
    try {
      return await last.runs;
    } catch (error) {
      if (this.last === last) this.last = undefined; // the next read shall try again
      throw error;
    }
  }

  private async readRuns(offset: number): Promise<LocatedRun[]> {
    const bytes = Buffer.alloc(EXTENT_HEADER_SIZE);
    await readFully(this.archive, bytes, offset);
    const { blockInfos } = decodeExtentHeader(bytes, this.uuid, offset);
    let archiveOffset = offset + EXTENT_HEADER_SIZE;
    return runsOf(blockInfos, ({ deviceId }) => this.deviceWith(deviceId, offset), offset).map((run) => {
      const located = { ...run, archiveOffset };
      if (run.stored) archiveOffset += run.length;
      return located;
    });
  }

  private deviceWith(id: number, offset: number): VmaDevice {
    const device = this.devices.get(id);
    if (device === undefined) throw changed(offset);
    return device;
  }
}

/** A drive inside an archive. */
class DeviceSource implements ByteSource {
  readonly size: number;

  constructor(
    private readonly device: VmaDevice,
    private readonly ranges: readonly ClusterRange[],
    private readonly archive: ByteSource,
    private readonly extents: ExtentReader,
  ) {
    this.size = device.size;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    for (let done = 0; done < length; ) {
      const run = await this.runAt(offset + done);
      const within = offset + done - run.offset;
      const part = buffer.subarray(done, Math.min(length, done + run.length - within));
      if (run.stored) await readFully(this.archive, part, run.archiveOffset + within);
      else part.fill(0);
      done += part.length;
    }
    return length;
  }

  async nextData(offset: number): Promise<ByteRange | undefined> {
    for (let at = offset; at < this.size; ) {
      const run = await this.runAt(at);
      const end = Math.min(run.offset + run.length, this.size);
      if (run.stored) return { start: at, end };
      at = end;
    }
    return undefined;
  }

  async close(): Promise<void> {}

  private async runAt(offset: number): Promise<LocatedRun> {
    const { extentOffset } = this.rangeOf(Math.floor(offset / CLUSTER_SIZE));
    const runs = await this.extents.runs(extentOffset);
    const holds = (run: LocatedRun) =>
      run.device.id === this.device.id && run.offset <= offset && offset < run.offset + run.length;
    const run = runs.find(holds);
    if (run === undefined) throw changed(extentOffset);
    return run;
  }

  private rangeOf(cluster: number): ClusterRange {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.ranges[middle]!.first <= cluster) low = middle;
      else high = middle - 1;
    }
    return this.ranges[low]!;
  }
}

function changed(offset: number): ArchiveError {
  return new ArchiveError('VMA_CHANGED', 'the archive changed while it was open', { offset });
}
