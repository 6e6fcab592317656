/**
 * A qcow2 image (version 3), as far as one that is new and stands by itself goes. All numbers are big-endian.
 *
 * The file is clusters of 64 KiB. The first holds the header:
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * |      0 |    4 | magic, `QFI\xfb` |
 * |      4 |    4 | version: 3 |
 * |      8 |   12 | name of a backing file: none |
 * |     20 |    4 | cluster size, as a power of two |
 * |     24 |    8 | size of the disk in bytes, whole sectors |
 * |     32 |    4 | encryption: none |
 * |     36 |    4 | entries in the L1 table |
 * |     40 |    8 | where the L1 table is |
 * |     48 |    8 | where the refcount table is |
 * |     56 |    4 | clusters in the refcount table |
 * |     60 |   12 | snapshots: none |
 * |     72 |   24 | features: none |
 * |     96 |    4 | width of a refcount, as a power of two: 16 bits |
 * |    100 |    4 | size of the header |
 * |    104 |    8 | end of the header's extensions |
 *
 * An L1 entry says where an L2 table is, an L2 entry where a cluster of the disk is; 0 is for what reads as
 * zeros. Bit 63 says that what is there has one user. A refcount table says where refcount blocks are, and
 * these hold, cluster for cluster of the file, how many users each has: here one.
 *
 * Source: QEMU's specification of the format, docs/interop/qcow2.
 */

export const CLUSTER_SIZE = 65536;
export const SECTOR_SIZE = 512;
/** Entries of L1, L2 and refcount tables. */
export const ENTRY_SIZE = 8;
/** Entries in an L2 table, which is one cluster. */
export const L2_ENTRIES = CLUSTER_SIZE / ENTRY_SIZE;
/** Refcounts in a refcount block, which is one cluster. */
export const BLOCK_REFCOUNTS = CLUSTER_SIZE / 2;

const HEADER_LENGTH = 104;
const HEADER_SIZE = HEADER_LENGTH + 8;

export interface Qcow2Layout {
  /** Of the disk, in bytes. */
  readonly size: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** Where clusters of the disk and all other tables begin. */
  readonly dataOffset: number;
}

/**
 * Where things are in an image for a disk of that size. Room is made for as many refcounts as there can ever
 * be.
 */
export function qcow2Layout(diskSize: number): Qcow2Layout {
  const size = Math.ceil(diskSize / SECTOR_SIZE) * SECTOR_SIZE;
  const dataClusters = Math.ceil(size / CLUSTER_SIZE);
  const l1Entries = Math.ceil(dataClusters / L2_ENTRIES);
  const l1Clusters = clustersOf(Math.max(1, l1Entries) * ENTRY_SIZE);
  // a block more than these clusters take, for the blocks and the refcount table itself
  const blocks = Math.ceil(((dataClusters + l1Entries + l1Clusters) * 1.001) / BLOCK_REFCOUNTS) + 1;
  const refcountTableClusters = clustersOf(blocks * ENTRY_SIZE);
  const l1Offset = (1 + refcountTableClusters) * CLUSTER_SIZE;
  return {
    size,
    l1Entries,
    l1Offset,
    refcountTableOffset: CLUSTER_SIZE,
    refcountTableClusters,
    dataOffset: l1Offset + l1Clusters * CLUSTER_SIZE,
  };
}

export function encodeQcow2Header(layout: Qcow2Layout): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.write('QFI\xfb', 0, 'latin1');
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(Math.log2(CLUSTER_SIZE), 20);
  header.writeBigUInt64BE(BigInt(layout.size), 24);
  header.writeUInt32BE(layout.l1Entries, 36);
  header.writeBigUInt64BE(BigInt(layout.l1Offset), 40);
  header.writeBigUInt64BE(BigInt(layout.refcountTableOffset), 48);
  header.writeUInt32BE(layout.refcountTableClusters, 56);
  header.writeUInt32BE(4, 96);
  header.writeUInt32BE(HEADER_LENGTH, 100);
  return header;
}

const ONE_USER = 1n << 63n;

/** An entry of an L1 or L2 table. @param offset in the file */
export function writeEntry(table: Buffer, index: number, offset: number): void {
  table.writeBigUInt64BE(BigInt(offset) | ONE_USER, index * ENTRY_SIZE);
}

/** `undefined` where there is nothing. */
export function readEntry(table: Buffer, index: number): number | undefined {
  const entry = table.readBigUInt64BE(index * ENTRY_SIZE);
  return entry === 0n ? undefined : Number(entry & ~ONE_USER);
}

/**
 * The refcount table and its blocks for a file of that many clusters, each with one user; the blocks come
 * behind.
 */
export function* refcounts(
  layout: Qcow2Layout,
  clusters: number,
): Generator<{ readonly offset: number; readonly bytes: Buffer }> {
  const total = withRefcountBlocks(clusters);
  const table = Buffer.alloc(layout.refcountTableClusters * CLUSTER_SIZE);
  for (let block = 0; block < total - clusters; block++) {
    const bytes = Buffer.alloc(CLUSTER_SIZE);
    const counted = Math.min(BLOCK_REFCOUNTS, total - block * BLOCK_REFCOUNTS);
    for (let index = 0; index < counted; index++) bytes.writeUInt16BE(1, index * 2);
    const offset = (clusters + block) * CLUSTER_SIZE;
    table.writeBigUInt64BE(BigInt(offset), block * ENTRY_SIZE);
    yield { offset, bytes };
  }
  yield { offset: layout.refcountTableOffset, bytes: table };
}

/** Clusters of a file, with the refcount blocks, which count themselves. */
function withRefcountBlocks(clusters: number): number {
  let blocks = 1;
  while (blocks * BLOCK_REFCOUNTS < clusters + blocks) blocks++;
  return clusters + blocks;
}

function clustersOf(bytes: number): number {
  return Math.ceil(bytes / CLUSTER_SIZE);
}
