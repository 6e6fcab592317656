/**
 * What those share who write extents, and who read them: in one pass (`unpackVma`), and at any offset
 * (`openVma`).
 */

import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  BLOCK_SIZE,
  BLOCKS_PER_CLUSTER,
  type BlockInfo,
  CLUSTER_SIZE,
  CLUSTERS_PER_WRITTEN_EXTENT,
  EXTENT_HEADER_SIZE,
  startsAsExtent,
  type VmaDevice,
  WHOLE_CLUSTER_MASK,
} from '../format.js';
import type { ClusterMap } from '../read/cluster-map.js';

/**
 * A run of blocks of one device that are all stored or all zeros. One that is stored may go on past the
 * device's end.
 */
export interface Run {
  readonly device: VmaDevice;
  readonly stored: boolean;
  readonly offset: number;
  /** In bytes, whole blocks. */
  length: number;
}

/**
 * Joins the blocks of an extent that lie side by side in a device.
 * @param deviceOf finds an info's device, and refuses an info that cannot be
 * @param offset of the extent
 * @throws `VMA_CLUSTER_RANGE`, and what `deviceOf` throws
 */
export function runsOf(
  blockInfos: readonly BlockInfo[],
  deviceOf: (info: BlockInfo) => VmaDevice,
  offset: number,
): Run[] {
  const runs: Run[] = [];
  for (const info of blockInfos) {
    const device = deviceOf(info);
    const start = info.cluster * CLUSTER_SIZE;
    const within = Math.min(BLOCKS_PER_CLUSTER, Math.ceil((device.size - start) / BLOCK_SIZE));
    // Proxmox's reader copies a whole cluster in one piece, which it cuts at the end.
    const blocks = info.mask === WHOLE_CLUSTER_MASK ? BLOCKS_PER_CLUSTER : within;
    if (info.mask >>> blocks !== 0) {
      throw new ArchiveError(
        'VMA_CLUSTER_RANGE',
        `${printableName(device.name)}: a block of cluster ${info.cluster} lies past the device's end`,
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

/**
 * Makes sure that an extent begins here; whether its header is right is for `decodeExtentHeader` to tell.
 * @param bytes what the archive has here, up to the size of an extent's header
 * @param extents how many came before
 * @throws `VMA_TRUNCATED`, `VMA_TRAILING_DATA`
 */
export function requireExtent(
  bytes: Uint8Array,
  offset: number,
  extents: number,
  clusters: ClusterMap,
): void {
  if (extents > 0 && clusters.complete && !startsAsExtent(bytes)) {
    throw new ArchiveError('VMA_TRAILING_DATA', 'bytes that are no extent follow the last one', {
      offset,
      hint: 'every cluster came before: what follows is no part of this archive',
    });
  }
  if (bytes.length < EXTENT_HEADER_SIZE) throw truncatedExtent(offset + bytes.length);
}

/** @param offset where the archive ends */
export function truncatedExtent(offset: number): ArchiveError {
  return new ArchiveError('VMA_TRUNCATED', 'the archive ends inside an extent', {
    offset,
    hint: 'the archive was cut short: look for another copy',
  });
}

/**
 * Makes sure that an archive which ends here is whole.
 * @throws `VMA_MISSING_CLUSTERS`, `VMA_TRUNCATED`
 */
export function requireWhole(offset: number, extents: number, clusters: ClusterMap): void {
  const [missing] = clusters.missing(offset);
  if (missing !== undefined) throw missing;
  if (extents === 0) {
    const message = 'the archive ends behind its header, without the extent that must follow';
    throw new ArchiveError('VMA_TRUNCATED', message, { offset });
  }
}

/** Clusters of a drive whose extents stay together as long as next to nothing is stored of them: 29 MiB. */
const GROUP_CLUSTERS = 8 * 58;
/** An extent that stores more stands by itself. */
const LARGE_EXTENT = 256 * 1024;

/** An extent, as far as boundaries go. */
export interface ExtentShape {
  /** Where it begins in the archive. */
  readonly offset: number;
  /** Bytes stored, without its header. */
  readonly stored: number;
  /** The number of its first cluster on its drive. */
  readonly firstCluster: number;
  /** How many clusters it describes, zeros included. */
  readonly clusters: number;
}

/**
 * Whether the archive is best divided before this extent: before a large one, and before the first of each
 * group of clusters. The rule looks at nothing but the extent, so what comes before cannot shift the
 * boundaries.
 */
export function beginsAtBoundary({ stored, firstCluster, clusters }: ExtentShape): boolean {
  return stored + EXTENT_HEADER_SIZE > LARGE_EXTENT || firstCluster % GROUP_CLUSTERS < clusters;
}

const EXTENT_BUFFER_SIZE = EXTENT_HEADER_SIZE + CLUSTERS_PER_WRITTEN_EXTENT * CLUSTER_SIZE;

/** Room for the largest extent that is written. */
export function newExtentBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(EXTENT_BUFFER_SIZE);
}
