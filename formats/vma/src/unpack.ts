import type { Duplex } from 'node:stream';
import { ArchiveError, ByteReader, type OnWarning, toDuplex } from '@vzdump-format/streams';
import { ClusterMap } from './cluster-map.js';
import {
  BLOCK_SIZE,
  BLOCKS_PER_CLUSTER,
  type BlockInfo,
  CLUSTER_SIZE,
  decodeExtentHeader,
  EXTENT_HEADER_SIZE,
  hasExtentMagic,
  parseUuid,
  type VmaDevice,
  type VmaHeader,
} from './format.js';
import { readHeader } from './header.js';

/**
 * What an archive unpacks to: the header, then runs of the devices' content in the archive's order. `offset` and
 * `length` are in bytes of the device. Together the runs cover every device exactly once, clipped at its end.
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
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A run of blocks of one device that are all stored or all zeros. */
export interface Run {
  readonly device: VmaDevice;
  readonly stored: boolean;
  readonly offset: number;
  /** In bytes, whole blocks. */
  length: number;
}

/**
 * Takes an archive apart, in one pass and a few chunks of memory. Data is sliced from the archive's chunks, so it is
 * valid as long as those are (see `Stage`). It ends without an error only if the archive is whole.
 *
 * @throws ArchiveError with a code of `VMA_…`, see the format's README
 */
export async function* unpackVma(
  archive: AsyncIterable<Uint8Array>,
  options: UnpackVmaOptions = {},
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
      const bytes = await readExtentHeader(reader, clusters);
      const extent = decodeExtentHeader(bytes, uuid, offset);
      const runs = runsOf(extent.blockInfos, clusters, offset);
      for (const run of runs) yield* readRun(reader, run);
    }
    requireWhole(clusters, extents, reader.offset);
  } finally {
    await reader.close();
  }
}

/** The same as a Duplex: bytes in, records out. */
export function createUnpackVma(options: UnpackVmaOptions = {}): Duplex {
  return toDuplex((archive: AsyncIterable<Uint8Array>) => unpackVma(archive, options));
}

async function readExtentHeader(reader: ByteReader, clusters: ClusterMap): Promise<Uint8Array> {
  const offset = reader.offset;
  const bytes = await reader.readUpTo(EXTENT_HEADER_SIZE);
  if (bytes.length === EXTENT_HEADER_SIZE && hasExtentMagic(bytes)) return bytes;
  if (clusters.complete) {
    throw new ArchiveError('VMA_TRAILING_DATA', 'bytes that are no extent follow the last one', {
      offset,
      hint: 'every cluster came before: what follows is no part of this archive',
    });
  }
  if (bytes.length < EXTENT_HEADER_SIZE) throw truncatedExtent(reader.offset);
  return bytes; // whose magic number is wrong, as decoding will say
}

export function truncatedExtent(offset: number): ArchiveError {
  return new ArchiveError('VMA_TRUNCATED', 'the archive ends inside an extent', {
    offset,
    hint: 'the archive was cut short: look for another copy',
  });
}

/** @throws `VMA_MISSING_CLUSTERS`, `VMA_TRUNCATED` */
export function requireWhole(clusters: ClusterMap, extents: number, offset: number): void {
  const [missing] = clusters.missing(offset);
  if (missing !== undefined) throw missing;
  if (extents === 0) {
    throw new ArchiveError(
      'VMA_TRUNCATED',
      'the archive ends behind its header, without the extent that must follow',
      {
        offset,
      },
    );
  }
}

/** Checks an extent's block infos, and joins what lies side by side. @param offset of the extent */
export function runsOf(blockInfos: readonly BlockInfo[], clusters: ClusterMap, offset: number): Run[] {
  const runs: Run[] = [];
  for (const info of blockInfos) {
    const device = clusters.add(info, offset);
    const start = info.cluster * CLUSTER_SIZE;
    const blocks = Math.min(BLOCKS_PER_CLUSTER, Math.ceil((device.size - start) / BLOCK_SIZE));
    if (info.mask >>> blocks !== 0) {
      throw new ArchiveError(
        'VMA_CLUSTER_RANGE',
        `${device.name}: a block of cluster ${info.cluster} lies past the device's end`,
        { offset, entry: device.name },
      );
    }
    for (let block = 0; block < blocks; ) {
      const stored = (info.mask & (1 << block)) !== 0;
      const first = block;
      while (block < blocks && ((info.mask & (1 << block)) !== 0) === stored) block++;
      const at = start + first * BLOCK_SIZE;
      const length = (block - first) * BLOCK_SIZE;
      const last = runs.at(-1);
      if (last?.device === device && last.stored === stored && last.offset + last.length === at) {
        last.length += length;
      } else {
        runs.push({ device, stored, offset: at, length });
      }
    }
  }
  return runs;
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
    yield { kind: 'data', device, offset, data: blocks.subarray(0, Math.min(blocks.length, end - offset)) };
  }
}

async function readBlocks(reader: ByteReader, most: number): Promise<Uint8Array> {
  try {
    return await reader.readSome(most, BLOCK_SIZE);
  } catch (error) {
    if (error instanceof ArchiveError && error.code === 'UNEXPECTED_END')
      throw truncatedExtent(error.offset!);
    throw error;
  }
}
