import {
  BLOCK_SIZE,
  CLUSTER_SIZE,
  checksum,
  EXTENT_HEADER_SIZE,
  EXTENT_OFFSET,
  encodeExtentHeader,
  OFFSET,
  parseUuid,
  storedBlocks,
  type VmaConfig,
  type VmaDevice,
  type VmaHeader,
} from '../format.js';
import { encodeHeader } from '../header.js';

/** Those of the crafted vectors. */
export const UUID = '00112233-4455-6677-8899-aabbccddeeff';
export const CTIME = 1_700_000_000n;

/** One cluster of a device, with the blocks that its mask says are stored. */
export interface BuiltCluster {
  readonly deviceId: number;
  readonly cluster: number;
  readonly mask: number;
  /** All of them; zeros unless given. */
  readonly data?: Buffer;
}

export function headerOf(devices: readonly VmaDevice[], configs: readonly VmaConfig[] = []): VmaHeader {
  return { uuid: UUID, ctime: CTIME, configs, devices };
}

/** An extent of clusters in just this order, be they right or not. */
export function builtExtent(clusters: readonly BuiltCluster[]): Buffer {
  const header = Buffer.alloc(EXTENT_HEADER_SIZE);
  encodeExtentHeader(header, parseUuid(UUID), clusters);
  const data = clusters.map(
    (cluster) => cluster.data ?? Buffer.alloc(storedBlocks(cluster.mask) * BLOCK_SIZE),
  );
  return Buffer.concat([header, ...data]);
}

/** An archive with these clusters in these extents. */
export function builtArchive(header: VmaHeader, extents: readonly (readonly BuiltCluster[])[]): Buffer {
  return Buffer.concat([encodeHeader(header), ...extents.map(builtExtent)]);
}

/** All of a drive's clusters, in order, as an archive's writer would store them. */
export function clustersOf(device: VmaDevice, content: Buffer): BuiltCluster[] {
  const clusters: BuiltCluster[] = [];
  for (let start = 0; start < device.size; start += CLUSTER_SIZE) {
    const blocks: Buffer[] = [];
    let mask = 0;
    for (let at = start; at < Math.min(start + CLUSTER_SIZE, content.length); at += BLOCK_SIZE) {
      const block = Buffer.alloc(BLOCK_SIZE);
      content.copy(block, 0, at, at + BLOCK_SIZE);
      if (block.every((byte) => byte === 0)) continue;
      mask |= 1 << ((at - start) / BLOCK_SIZE);
      blocks.push(block);
    }
    clusters.push({ deviceId: device.id, cluster: start / CLUSTER_SIZE, mask, data: Buffer.concat(blocks) });
  }
  return clusters;
}

/** Makes a header's checksum right again after a change. */
export function repairHeaderChecksum(archive: Buffer): Buffer {
  const header = archive.subarray(0, archive.readUInt32BE(OFFSET.headerSize));
  header.set(checksum(header, OFFSET.md5), OFFSET.md5);
  return archive;
}

/**
 * Where each part of an archive begins, its end being the last: the table, the blobs, each extent and its
 * data.
 */
export function boundaries(archive: Buffer): number[] {
  const found = [0, 12288];
  let at = archive.readUInt32BE(OFFSET.headerSize);
  while (at < archive.length) {
    found.push(at, at + EXTENT_HEADER_SIZE);
    at += EXTENT_HEADER_SIZE + archive.readUInt16BE(at + EXTENT_OFFSET.blockCount) * BLOCK_SIZE;
  }
  return [...found, at];
}
