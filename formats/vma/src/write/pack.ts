import { getDefaultHighWaterMark, Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { printableName } from '@vzdump-format/posix';
import {
  ArchiveError,
  type ByteSource,
  failedCall,
  mapOrdered,
  type OnBoundary,
  type OnProgress,
  type OnWarning,
  owned,
  toReadableStream,
} from '@vzdump-format/streams';
import { beginsAtBoundary, type ExtentShape, newExtentBuffer } from '../extents.js';
import {
  BLOCK_SIZE,
  BLOCKS_PER_CLUSTER,
  type BlockInfo,
  CLUSTER_SIZE,
  CLUSTERS_PER_WRITTEN_EXTENT,
  clusterCount,
  EXTENT_HEADER_SIZE,
  encodeExtentHeader,
  parseUuid,
  type VmaConfig,
  type VmaDevice,
  type VmaHeader,
  WHOLE_CLUSTER_MASK,
  wholeSectors,
} from '../format.js';
import { encodeHeader } from '../header.js';

const ZERO_CLUSTER = Buffer.alloc(CLUSTER_SIZE);
const WORD_SIZE = 4;
const WORDS_PER_BLOCK = BLOCK_SIZE / WORD_SIZE;
/** Extents being read or held at a time: one with the consumer, two being filled. */
const EXTENTS_IN_FLIGHT = 3;

export interface PackVmaDrive {
  readonly name: string;
  readonly source: ByteSource;
}

export interface PackVmaOptions {
  readonly configs?: readonly VmaConfig[];
  /** Their ids are 1, 2, … in this order. */
  readonly drives?: readonly PackVmaDrive[];
  /** Random unless given. */
  readonly uuid?: string | undefined;
  /** Seconds since the epoch; now unless given. */
  readonly ctime?: bigint | number | undefined;
  /** Of the drives; told of the total before the first byte is read. */
  readonly onProgress?: OnProgress | undefined;
  /** Told, each time before `onProgress`, how many of the bytes so far are zeros that were not stored. */
  readonly onZeros?: ((bytes: number) => void) | undefined;
  readonly onBoundary?: OnBoundary | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A part of a drive that becomes one extent. */
interface ExtentRange {
  readonly drive: PackVmaDrive;
  readonly device: VmaDevice;
  readonly firstCluster: number;
  /** In bytes, whole clusters. */
  readonly length: number;
}

interface PackedExtent {
  readonly range: ExtentRange;
  readonly buffer: Buffer;
  /** Bytes of `buffer` that are the extent. */
  readonly size: number;
  /** Bytes of the drive, and how many of them are zeros that were not stored. */
  readonly bytes: number;
  readonly zeroBytes: number;
}

/**
 * Packs drives and configs into an archive. The first chunk is the header, every other one is one extent: 58
 * clusters of one drive, one drive after the other. The same uuid, ctime, configs and contents give the same
 * bytes; with one drive those of Proxmox's own tool.
 *
 * What a source says is a hole is not read. Memory: three extents, 12 MiB.
 *
 * @throws `VMA_SOURCE`, `VMA_LIMIT`, `VMA_NAME`, `VMA_UUID`, `VMA_CTIME`; `SOURCE_READ`; `SOURCE_SHRANK` when
 * a drive ends before its size. A drive that changed while it was read, as far as its source can tell, is a
 * warning,
 * `SOURCE_CHANGED`.
 */
export async function* packVma(options: PackVmaOptions): AsyncGenerator<Uint8Array> {
  const { drives = [], signal } = options;
  signal?.throwIfAborted();
  const header = headerOf(options);
  const uuid = parseUuid(header.uuid);
  const encodedHeader = encodeHeader(header);
  yield encodedHeader;

  let offset = encodedHeader.length;
  const spare: Buffer[] = [];
  const pack = (range: ExtentRange) => packExtent(range, uuid, spare.pop() ?? newExtentBuffer());
  const total = header.devices.reduce((sum, { size }) => sum + size, 0);
  let bytes = 0;
  let zeroBytes = 0;
  options.onProgress?.(bytes, total);
  for await (const extent of mapOrdered(extentRanges(drives, header.devices), EXTENTS_IN_FLIGHT, pack)) {
    signal?.throwIfAborted();
    const chunk = extent.buffer.subarray(0, extent.size);
    if (beginsAtBoundary(shapeOf(extent, offset))) options.onBoundary?.(offset);
    offset += chunk.length;
    yield chunk;
    spare.push(extent.buffer);
    bytes += extent.bytes;
    zeroBytes += extent.zeroBytes;
    options.onZeros?.(zeroBytes);
    options.onProgress?.(bytes, total);
  }
  if (drives.length === 0) yield emptyExtent(uuid);
  await warnOfChanges(drives, options.onWarning);
}

function shapeOf({ range, size }: PackedExtent, offset: number): ExtentShape {
  const { firstCluster, length } = range;
  return { offset, stored: size - EXTENT_HEADER_SIZE, firstCluster, clusters: length / CLUSTER_SIZE };
}

/**
 * The same as a Node stream: a Readable, where the other formats have a Duplex, since nothing is written to
 * it. It reads the drives by itself, at any offset.
 */
export function createPackVma(options: PackVmaOptions): Readable {
  const highWaterMark = getDefaultHighWaterMark(false);
  return Readable.from(owned(packVma(options)), { objectMode: false, highWaterMark });
}

/** The same as a web stream. */
export function webPackVma(options: PackVmaOptions): ReadableStream<Uint8Array> {
  return toReadableStream(packVma(options));
}

function headerOf({ configs = [], drives = [], uuid, ctime }: PackVmaOptions): VmaHeader {
  const seconds = ctime ?? Math.floor(Date.now() / 1000);
  if (typeof seconds !== 'bigint' && !Number.isSafeInteger(seconds)) {
    throw new ArchiveError('VMA_CTIME', `not a number of seconds: ${seconds}`);
  }
  for (const { name, source } of drives) requireSource(name, source);
  const devices = drives.map(({ name, source }, index) => ({
    id: index + 1,
    name,
    size: wholeSectors(source.size),
  }));
  return {
    uuid: uuid ?? process.getBuiltinModule('node:crypto').randomUUID(),
    ctime: BigInt(seconds),
    configs,
    devices,
  };
}

/** What the compiler proves in TypeScript. @throws `VMA_SOURCE` */
function requireSource(name: string, source: Partial<ByteSource> | undefined): void {
  if (Number.isSafeInteger(source?.size) && typeof source?.read === 'function') return;
  throw new ArchiveError(
    'VMA_SOURCE',
    `${printableName(name)} has no source of a size, in bytes, to be read`,
    {
      entry: name,
      hint: 'new BufferSource(bytes) is one of bytes in memory',
    },
  );
}

function* extentRanges(
  drives: readonly PackVmaDrive[],
  devices: readonly VmaDevice[],
): Generator<ExtentRange> {
  for (const [index, device] of devices.entries()) {
    const clusters = clusterCount(device.size);
    for (let firstCluster = 0; firstCluster < clusters; firstCluster += CLUSTERS_PER_WRITTEN_EXTENT) {
      const count = Math.min(CLUSTERS_PER_WRITTEN_EXTENT, clusters - firstCluster);
      yield { drive: drives[index]!, device, firstCluster, length: count * CLUSTER_SIZE };
    }
  }
}

function emptyExtent(uuid: Buffer): Buffer {
  const extent = Buffer.alloc(EXTENT_HEADER_SIZE);
  encodeExtentHeader(extent, uuid, []);
  return extent;
}

async function warnOfChanges(drives: readonly PackVmaDrive[], onWarning?: OnWarning): Promise<void> {
  for (const { name, source } of drives) {
    if (await source.changed?.()) {
      onWarning?.({
        code: 'SOURCE_CHANGED',
        message: `${printableName(name)} was written to while it was read: the archive may hold a mix of old and new`,
        entry: name,
        hint: 'stop the guest, or take a snapshot and pack that',
      });
    }
  }
}

/** Reads one range into `buffer` and makes an extent of it, in place. */
async function packExtent(range: ExtentRange, uuid: Buffer, buffer: Buffer): Promise<PackedExtent> {
  const inHole = await readRange(range, buffer);
  const blockInfos: BlockInfo[] = [];
  const blocks = new BlockPacker(buffer);
  const clusters = range.length / CLUSTER_SIZE;
  for (let index = 0; index < clusters; index++) {
    const mask = inHole[index] ? 0 : blocks.packCluster(index);
    blockInfos.push({ deviceId: range.device.id, cluster: range.firstCluster + index, mask });
  }
  encodeExtentHeader(buffer, uuid, blockInfos);
  const bytes = Math.min(range.length, range.device.size - range.firstCluster * CLUSTER_SIZE);
  const stored = blocks.end - EXTENT_HEADER_SIZE;
  return { range, buffer, size: blocks.end, bytes, zeroBytes: Math.max(0, bytes - stored) };
}

/**
 * Reads a range to its place behind the extent's header. Clusters that lie wholly in a hole are neither read
 * nor cleared: it returns which.
 */
async function readRange(range: ExtentRange, buffer: Buffer): Promise<boolean[]> {
  const { source } = range.drive;
  const start = range.firstCluster * CLUSTER_SIZE;
  const end = start + range.length;
  const inHole = new Array<boolean>(range.length / CLUSTER_SIZE).fill(true);
  for (let at = start; at < end; ) {
    const data = source.nextData ? await source.nextData(at) : { start: at, end: source.size };
    if (data === undefined || data.start >= end) break;
    const from = start + Math.floor((data.start - start) / CLUSTER_SIZE) * CLUSTER_SIZE;
    const to = Math.min(end, start + Math.ceil((data.end - start) / CLUSTER_SIZE) * CLUSTER_SIZE);
    await readPadded(
      range.drive,
      buffer.subarray(EXTENT_HEADER_SIZE + from - start, EXTENT_HEADER_SIZE + to - start),
      from,
    );
    inHole.fill(false, (from - start) / CLUSTER_SIZE, (to - start) / CLUSTER_SIZE);
    at = to;
  }
  return inHole;
}

/**
 * Fills `target` from the drive, and with zeros past the drive's end. @throws `SOURCE_READ`, `SOURCE_SHRANK`
 */
async function readPadded({ name, source }: PackVmaDrive, target: Buffer, offset: number): Promise<void> {
  const expected = Math.min(target.length, source.size - offset);
  const got = await source.read(target.subarray(0, expected), offset).catch((error: unknown) => {
    const what = `${printableName(name)} cannot be read at byte ${offset}`;
    throw failedCall(error, 'SOURCE_READ', what, name);
  });
  if (got < expected) {
    throw new ArchiveError(
      'SOURCE_SHRANK',
      `${printableName(name)} ended at byte ${offset + got} while it was read, though it had ${source.size} bytes`,
      { entry: name },
    );
  }
  target.fill(0, expected);
}

/**
 * Moves an extent's blocks that are not all zeros together, so that nothing is copied but what lies behind a
 * gap.
 */
class BlockPacker {
  /** Where the stored blocks end. */
  end = EXTENT_HEADER_SIZE;
  private readonly words: Int32Array;

  constructor(private readonly buffer: Buffer) {
    this.words = new Int32Array(buffer.buffer, buffer.byteOffset, buffer.length / WORD_SIZE);
  }

  /** @returns the cluster's mask */
  packCluster(index: number): number {
    const start = EXTENT_HEADER_SIZE + index * CLUSTER_SIZE;
    const mask = this.findMask(start);
    for (let block = 0; block < BLOCKS_PER_CLUSTER; ) {
      const first = block;
      while ((mask & (1 << block)) !== 0) block++;
      this.append(start + first * BLOCK_SIZE, start + block * BLOCK_SIZE);
      while (block < BLOCKS_PER_CLUSTER && (mask & (1 << block)) === 0) block++;
    }
    return mask;
  }

  private append(from: number, to: number): void {
    if (from !== this.end && from !== to) this.buffer.copyWithin(this.end, from, to);
    this.end += to - from;
  }

  private findMask(start: number): number {
    const suspects = this.blocksThatStartWithZero(start);
    if (suspects === WHOLE_CLUSTER_MASK && this.isZero(start, CLUSTER_SIZE)) return 0;
    let mask = WHOLE_CLUSTER_MASK & ~suspects;
    for (let block = 0; block < BLOCKS_PER_CLUSTER; block++) {
      const bit = 1 << block;
      if ((suspects & bit) !== 0 && !this.isZero(start + block * BLOCK_SIZE, BLOCK_SIZE)) mask |= bit;
    }
    return mask;
  }

  /** One look at each block's first word saves comparing most of those that hold data. */
  private blocksThatStartWithZero(start: number): number {
    let suspects = 0;
    let word = start / WORD_SIZE;
    for (let block = 0; block < BLOCKS_PER_CLUSTER; block++, word += WORDS_PER_BLOCK) {
      if (this.words[word] === 0) suspects |= 1 << block;
    }
    return suspects;
  }

  private isZero(start: number, length: number): boolean {
    return this.buffer.compare(ZERO_CLUSTER, 0, length, start, start + length) === 0;
  }
}
