import {
  ArchiveError,
  type ByteRange,
  ByteReader,
  type ByteSource,
  readChunks,
  readFully,
} from '@vzdump-format/streams';
import { ClusterMap, type Run, requireExtent, requireWhole, runsOf, truncatedExtent } from '../extents.js';
import {
  BLOCK_SIZE,
  CLUSTER_SIZE,
  decodeExtentHeader,
  EXTENT_HEADER_SIZE,
  HEADER_TABLE_SIZE,
  parseUuid,
  startsAsExtent,
  type VmaDevice,
  type VmaHeader,
} from '../format.js';
import { readHeader } from '../header.js';
import { findDevice } from '../names.js';
import { claimedHeaderSize } from './read-vma.js';
import type { UnpackVmaOptions } from './unpack.js';

/** The headers at the start of an archive are read in chunks of this size. */
const HEADER_CHUNK_SIZE = 64 * 1024;

export type OpenVmaOptions = Pick<UnpackVmaOptions, 'onWarning' | 'signal'>;

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
 * same as `unpackVma`. Memory: one range per extent (7 MB for 1 TiB of drives in order), more where clusters
 * are out of order.
 *
 * @throws as `unpackVma`
 */
export async function openVma(archive: ByteSource, options: OpenVmaOptions = {}): Promise<VmaArchive> {
  const { header, size } = await readHeaderAndSize(archive, options);
  const { index, damage } = await indexClusters(archive, header, size, options);
  const extents = new ExtentReader(archive, header);
  return {
    header,
    device: (name) => {
      const device = findDevice(header, name);
      return new DeviceSource(device, { ranges: index.get(device.id)!, damage }, archive, extents);
    },
  };
}

async function readHeaderAndSize(
  archive: ByteSource,
  { onWarning, signal }: OpenVmaOptions,
): Promise<{ header: VmaHeader; size: number }> {
  // No more than it, since what follows may be damaged.
  const end = Math.min(archive.size, Math.max(HEADER_TABLE_SIZE, await claimedHeaderSize(archive)));
  const chunks = readChunks(archive, { end, chunkSize: HEADER_CHUNK_SIZE, readAhead: 1, signal });
  const reader = new ByteReader(chunks);
  try {
    const header = await readHeader(reader, onWarning);
    return { header, size: reader.offset };
  } finally {
    await reader.close();
  }
}

/** What an extent cannot be read for, of an archive made in parts: the clusters in it are not to be had. */
type Damage = ArchiveError | undefined;

/** Finds out which extent holds which clusters. @returns ranges in order, by device id */
async function indexClusters(
  archive: ByteSource,
  header: VmaHeader,
  start: number,
  { onWarning, signal }: OpenVmaOptions,
): Promise<{ readonly index: Map<number, ClusterRange[]>; readonly damage: Damage }> {
  let damage: Damage;
  const index = new Map<number, ClusterRange[]>(header.devices.map((device) => [device.id, []]));
  const clusters = new ClusterMap(header.devices);
  const uuid = parseUuid(header.uuid);
  const bytes = Buffer.alloc(EXTENT_HEADER_SIZE);
  let offset = start;
  let extents = 0;
  for (; offset < archive.size; extents++) {
    signal?.throwIfAborted();
    const got = await readExtentHeader(archive, bytes, offset);
    if (got instanceof ArchiveError) {
      damage = got;
      const next = await extentBehind(archive, bytes, offset, got);
      const lost = `the drives' data from byte ${offset} to ${next} of the archive cannot be read`;
      onWarning?.({ code: got.code, message: `${lost}: ${got.message}` });
      offset = next;
      continue;
    }
    requireExtent(bytes.subarray(0, got), offset, extents, clusters);
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
  if (damage === undefined) requireWhole(offset, extents, clusters);
  for (const ranges of index.values()) ranges.sort((a, b) => a.first - b.first);
  return { index, damage };
}

/** @returns how much there is of it; or, of an archive made in parts, what is wrong with the part */
async function readExtentHeader(
  archive: ByteSource,
  bytes: Uint8Array,
  offset: number,
): Promise<number | ArchiveError> {
  try {
    return await (archive.readUnproven?.(bytes, offset) ?? archive.read(bytes, offset));
  } catch (error) {
    if (error instanceof ArchiveError && archive.partAt !== undefined) return error;
    throw error;
  }
}

/** Where the next part begins that begins with an extent. @throws `damage` when there is none */
async function extentBehind(
  archive: ByteSource,
  bytes: Uint8Array,
  offset: number,
  damage: ArchiveError,
): Promise<number> {
  for (let next = archive.partAt!(offset).end; next < archive.size; next = archive.partAt!(next).end) {
    const got = await readExtentHeader(archive, bytes, next);
    if (typeof got === 'number' && startsAsExtent(bytes.subarray(0, got))) return next;
  }
  throw damage;
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
    private readonly index: { readonly ranges: readonly ClusterRange[]; readonly damage: Damage },
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
    const cluster = Math.floor(offset / CLUSTER_SIZE);
    const range = this.rangeOf(cluster);
    const { damage } = this.index;
    if (damage !== undefined && !(range && cluster < range.first + range.count)) throw damage;
    const { extentOffset } = range!;
    const runs = await this.extents.runs(extentOffset);
    const holds = (run: LocatedRun) =>
      run.device.id === this.device.id && run.offset <= offset && offset < run.offset + run.length;
    const run = runs.find(holds);
    if (run === undefined) throw changed(extentOffset);
    return run;
  }

  /** The last range that begins at a cluster, or before it. */
  private rangeOf(cluster: number): ClusterRange | undefined {
    const { ranges } = this.index;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle]!.first <= cluster) low = middle + 1;
      else high = middle;
    }
    return ranges[low - 1];
  }
}

function changed(offset: number): ArchiveError {
  return new ArchiveError('VMA_CHANGED', 'the archive changed while it was open', { offset });
}
