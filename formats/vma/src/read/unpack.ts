import type { Duplex } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import {
  ArchiveError,
  ByteReader,
  type Items,
  type OnBoundary,
  type OnProgress,
  type OnWarning,
  runStage,
  toTransformStream,
  toUnpackingDuplex,
} from '@vzdump-format/streams';
import {
  beginsAtBoundary,
  ClusterMap,
  type Run,
  requireExtent,
  requireWhole,
  runsOf,
  truncatedExtent,
} from '../extents.js';
import {
  BLOCK_SIZE,
  decodeExtentHeader,
  EXTENT_HEADER_SIZE,
  parseUuid,
  type VmaDevice,
  type VmaHeader,
} from '../format.js';
import { readHeader } from '../header.js';
import { configFileName, deviceFileName, repeatedDeviceNames, repeatedNameWarnings } from '../names.js';

/**
 * What an archive unpacks to: the header, then runs of the devices' content in the archive's order; `offset`
 * and `length` are in bytes of the device. Together the runs cover every device exactly once, clipped at its
 * end.
 */
export type VmaRecord =
  | { readonly kind: 'header'; readonly header: VmaHeader }
  | {
      readonly kind: 'data';
      readonly device: VmaDevice;
      readonly offset: number;
      /** Starts at a block; whole blocks but at the end of the device. */
      readonly data: Uint8Array;
    }
  | { readonly kind: 'zeros'; readonly device: VmaDevice; readonly offset: number; readonly length: number };

export interface UnpackVmaOptions {
  readonly onBoundary?: OnBoundary | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes an archive apart, in one pass and a few chunks of memory. Data is sliced from the archive's chunks,
 * so it is valid as long as those are (see `Stage`). It ends without an error only if the archive is whole.
 *
 * @throws ArchiveError with a code of `VMA_…`, see the format's README
 */
export function unpackVma(
  archive: Items<Uint8Array>,
  options: UnpackVmaOptions = {},
): AsyncGenerator<VmaRecord> {
  return runStage(archive, (source) => readRecords(source, options), options.signal);
}

/** The same as a Duplex: bytes in, records out. */
export function createUnpackVma(options: UnpackVmaOptions = {}): Duplex {
  return toUnpackingDuplex((archive) => unpackVma(archive, options), options.signal);
}

/** As `createUnpackVma`, for web streams. */
export function webUnpackVma(options: UnpackVmaOptions = {}): TransformStream<Uint8Array, VmaRecord> {
  return toTransformStream((archive: Items<Uint8Array>) => unpackVma(archive, options), options.signal);
}

async function* readRecords(
  archive: Items<Uint8Array>,
  options: UnpackVmaOptions,
): AsyncGenerator<VmaRecord> {
  const reader = new ByteReader(archive);
  try {
    const header = await readHeader(reader, options.onWarning);
    yield { kind: 'header', header };
    const uuid = parseUuid(header.uuid);
    const clusters = new ClusterMap(header.devices);
    let extents = 0;
    for (; !(await reader.atEnd()); extents++) {
      options.signal?.throwIfAborted();
      const offset = reader.offset;
      const bytes = await reader.readUpTo(EXTENT_HEADER_SIZE);
      requireExtent(bytes, offset, extents, clusters);
      const { blockInfos, blockCount } = decodeExtentHeader(bytes, uuid, offset);
      const shape = { offset, stored: blockCount * BLOCK_SIZE, clusters: blockInfos.length };
      if (beginsAtBoundary({ ...shape, firstCluster: blockInfos[0]?.cluster ?? 0 }))
        options.onBoundary?.(offset);
      const runs = runsOf(blockInfos, (info) => clusters.add(info, offset), offset);
      for (const run of runs) yield* readRun(reader, run);
    }
    requireWhole(reader.offset, extents, clusters);
  } finally {
    await reader.close();
  }
}

/** Yields a run's content, clipped at the device's end. */
async function* readRun(reader: ByteReader, run: Run): AsyncGenerator<VmaRecord> {
  const { device } = run;
  const end = Math.min(run.offset + run.length, device.size);
  if (!run.stored) {
    yield { kind: 'zeros', device, offset: run.offset, length: end - run.offset };
    return;
  }
  for (let done = 0; done < run.length; ) {
    const blocks = await readBlocks(reader, run.length - done);
    const offset = run.offset + done;
    done += blocks.length;
    if (offset >= end) continue;
    yield { kind: 'data', device, offset, data: blocks.subarray(0, Math.min(blocks.length, end - offset)) };
  }
}

async function readBlocks(reader: ByteReader, most: number): Promise<Uint8Array> {
  try {
    return await reader.readSome(most, BLOCK_SIZE);
  } catch (error) {
    const isEnd = error instanceof ArchiveError && error.code === 'UNEXPECTED_END';
    throw isEnd ? truncatedExtent(reader.offset) : error;
  }
}

export interface VerifyVmaOptions extends UnpackVmaOptions {
  readonly onProgress?: OnProgress | undefined;
}

/** What a verified archive holds. */
export interface VmaSummary {
  readonly header: VmaHeader;
  /** Of all devices, zeros included. */
  readonly bytes: number;
}

/**
 * Reads a whole archive and proves what can be proven: both kinds of checksum, the uuid of every extent, the
 * structure, every cluster exactly once, that nothing lies past a device's end or behind the archive's, and
 * that every name can be unpacked safely. The content of blocks has no checksum in this format.
 *
 * @throws ArchiveError, the first thing that is wrong
 */
export async function verifyVma(
  archive: Items<Uint8Array>,
  options: VerifyVmaOptions = {},
): Promise<VmaSummary> {
  let header: VmaHeader | undefined;
  let bytes = 0;
  let total = 0;
  for await (const record of unpackVma(archive, options)) {
    if (record.kind === 'header') {
      header = record.header;
      total = header.devices.reduce((sum, device) => sum + device.size, 0);
    } else {
      bytes += record.kind === 'data' ? record.data.length : record.length;
      options.onProgress?.(bytes, total);
    }
  }
  for (const config of header!.configs) configFileName(config);
  const repeated = repeatedDeviceNames(header!);
  for (const device of header!.devices) deviceFileName(device, repeated.includes(device.name));
  for (const warning of repeatedNameWarnings(header!)) options.onWarning?.(warning);
  return { header: header!, bytes };
}
