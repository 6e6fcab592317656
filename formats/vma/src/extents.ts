/**
 * What those share who write extents, and who read them in one pass (`unpackVma`) or at any offset
 * (`openVma`): the runs that they hold, where they begin and end, and which clusters have been seen.
 */

import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  BLOCK_SIZE,
  BLOCKS_PER_CLUSTER,
  type BlockInfo,
  CLUSTER_SIZE,
  CLUSTERS_PER_WRITTEN_EXTENT,
  clusterCount,
  EXTENT_HEADER_SIZE,
  SECTOR_SIZE,
  startsAsExtent,
  VMSTATE_NAME,
  type VmaDevice,
  WHOLE_CLUSTER_MASK,
} from './format.js';

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

/** A page of bits covers 2 GiB of a device. */
const PAGE_BYTES = 4096;
const PAGE_CLUSTERS = PAGE_BYTES * 8;
/**
 * How many pages may be neither empty nor full at a time (64 MiB of bits, 32 TiB of devices): what bounds the
 * memory of an archive whose clusters are strewn over devices of any claimed size.
 */
const MAX_PARTIAL_PAGES = 16384;

interface PartialPage {
  readonly bits: Uint8Array;
  count: number;
}

/** Which clusters of one device have been seen. Full pages cost next to nothing. */
class DeviceMap {
  readonly clusters: number;
  seen = 0;
  private readonly pages = new Map<number, PartialPage | 'full'>();

  constructor(readonly device: VmaDevice) {
    this.clusters = clusterCount(device.size);
  }

  /**
   * @returns by how many the number of partial pages changed, or `undefined` when the cluster was there
   * already.
   */
  add(cluster: number): number | undefined {
    const number = Math.floor(cluster / PAGE_CLUSTERS);
    const known = this.pages.get(number);
    if (known === 'full') return undefined;
    const page = known ?? { bits: new Uint8Array(PAGE_BYTES), count: 0 };
    if (known === undefined) this.pages.set(number, page);
    const within = cluster % PAGE_CLUSTERS;
    const bit = 1 << (within & 7);
    if ((page.bits[within >> 3]! & bit) !== 0) return undefined;
    page.bits[within >> 3]! |= bit;
    page.count++;
    this.seen++;
    const isFull = page.count === Math.min(PAGE_CLUSTERS, this.clusters - number * PAGE_CLUSTERS);
    if (isFull) this.pages.set(number, 'full');
    return (known === undefined ? 1 : 0) - (isFull ? 1 : 0);
  }

  firstMissing(): number {
    for (let number = 0; ; number++) {
      const page = this.pages.get(number);
      if (page === undefined) return number * PAGE_CLUSTERS;
      if (page === 'full') continue;
      for (let within = 0; ; within++) {
        if ((page.bits[within >> 3]! & (1 << (within & 7))) === 0) return number * PAGE_CLUSTERS + within;
      }
    }
  }
}

/** Proves that every cluster of every device comes exactly once. Memory does not depend on claimed sizes. */
export class ClusterMap {
  private readonly devices = new Map<number, DeviceMap>();
  private partialPages = 0;

  /** @throws `VMA_DEVICE_SIZE` for a size that is not in sectors: no writer makes one, no tool restores it */
  constructor(devices: readonly VmaDevice[]) {
    for (const device of devices) {
      if (device.size % SECTOR_SIZE !== 0) {
        const size = `${device.size} bytes are not a multiple of ${SECTOR_SIZE}`;
        throw new ArchiveError('VMA_DEVICE_SIZE', `${printableName(device.name)}: ${size}`, {
          entry: device.name,
        });
      }
      this.devices.set(device.id, new DeviceMap(device));
    }
  }

  /**
   * Takes note of a cluster.
   * @param offset of the extent that holds it, for errors
   * @throws `VMA_UNKNOWN_DEVICE`, `VMA_CLUSTER_RANGE`, `VMA_DUPLICATE_CLUSTER`, `VMA_VMSTATE_ORDER`,
   * `VMA_LIMIT`
   */
  add({ deviceId, cluster }: BlockInfo, offset: number): VmaDevice {
    const map = this.devices.get(deviceId);
    if (map === undefined) {
      throw new ArchiveError(
        'VMA_UNKNOWN_DEVICE',
        `the extent holds data of device ${deviceId}, which the header does not describe`,
        { offset },
      );
    }
    const { device } = map;
    const fail = (code: string, message: string) =>
      new ArchiveError(code, `${printableName(device.name)}: ${message}`, { offset, entry: device.name });
    if (cluster >= map.clusters) {
      throw fail('VMA_CLUSTER_RANGE', `cluster ${cluster} lies past the end: the device has ${map.clusters}`);
    }
    if (device.name === VMSTATE_NAME && cluster !== map.seen) {
      throw fail('VMA_VMSTATE_ORDER', `cluster ${cluster} comes where ${map.seen} must`);
    }
    const added = map.add(cluster);
    if (added === undefined) throw fail('VMA_DUPLICATE_CLUSTER', `cluster ${cluster} comes twice`);
    this.partialPages += added;
    if (this.partialPages > MAX_PARTIAL_PAGES) {
      throw fail('VMA_LIMIT', 'the clusters are strewn too widely to keep count of them');
    }
    return device;
  }

  get complete(): boolean {
    return [...this.devices.values()].every((map) => map.seen === map.clusters);
  }

  /** What is wrong with each incomplete device. @param offset where the archive ends */
  missing(offset: number): ArchiveError[] {
    return [...this.devices.values()]
      .filter((map) => map.seen < map.clusters)
      .map((map) => {
        const { device, clusters, seen } = map;
        const what = `${clusters - seen} of ${clusters} clusters are missing, the first is ${map.firstMissing()}`;
        return new ArchiveError(
          'VMA_MISSING_CLUSTERS',
          `${printableName(device.name)}: ${what}; the archive ends`,
          {
            offset,
            entry: device.name,
            hint: 'the archive was cut short, or lost a part: look for another copy',
          },
        );
      });
  }
}
