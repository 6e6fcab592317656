/**
 * The VMA archive format, as Proxmox VE writes and reads it.
 *
 * An archive is a header and then extents until the end of the file; there is no trailer. All numbers are big
 * endian, but for the lengths of blobs, which are little endian.
 *
 * ## Header: a table of 12288 bytes, then the blob buffer, `header size` bytes in all
 *
 * | offset | size   | field |
 * |-------:|-------:|-------|
 * |      0 |      4 | magic `VMA\0` |
 * |      4 |      4 | version, 1 |
 * |      8 |     16 | uuid |
 * |     24 |      8 | ctime: seconds since the epoch, signed |
 * |     32 |     16 | MD5 of the whole header, with this field as zeros |
 * |     48 |      4 | blob buffer offset, 12288 |
 * |     52 |      4 | blob buffer size: the bytes in use, not rounded |
 * |     56 |      4 | header size |
 * |   2044 |  256×4 | pointers to the configs' names |
 * |   3068 |  256×4 | pointers to the configs' data |
 * |   4096 | 256×32 | devices: pointer to the name (4), reserved (4), size in bytes (8), reserved (16) |
 *
 * What is not listed is reserved: written as zeros, ignored when read. A device's id is its place in the
 * table; 1 to 254 are used. A device exists if its size is not 0 and its name can be read.
 *
 * A pointer is an offset into the blob buffer, where a little-endian u16 length stands before that many
 * bytes. The buffer's first byte is unused, so that pointer 0 can mean 'none'. Names end in a NUL, which the
 * length counts.
 *
 * ## Extent: a header of 512 bytes, then `block count` blocks of 4096 bytes
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * |      0 |    4 | magic `VMAE` |
 * |      4 |    2 | reserved, must be 0 |
 * |      6 |    2 | block count |
 * |      8 |   16 | uuid, the header's |
 * |     24 |   16 | MD5 of these 512 bytes, with this field as zeros |
 * |     40 | 59×8 | block infos: mask (16 bits), reserved (8), device id (8), cluster number (32) |
 *
 * A block info with device id 0 is an unused slot; holes among the slots are legal. Each describes one
 * cluster of 64 KiB: bit n of the mask says whether the n-th of its 16 blocks is stored; a block that is not
 * stored is all zeros. The stored blocks follow in the order of slots and bits.
 *
 * Every cluster of every device has exactly one block info in the archive, in any order; those of the device
 * named `vmstate` must be in order. The last block of a device is padded with zeros; blocks wholly past its
 * end are not stored, unless all 16 of its last cluster are: what lies past the end is then cut. Neither
 * blocks nor their order have a checksum.
 */

import { ArchiveError } from '@vzdump-format/streams';

export const HEADER_MAGIC = 0x564d4100; // 'VMA\0'
export const HEADER_VERSION = 1;
export const HEADER_TABLE_SIZE = 12288;
/**
 * More than any header can use (511 blobs of 64 KiB and 255 names as long come to 48 MiB), and what bounds
 * the memory that a header can claim.
 */
export const MAX_HEADER_SIZE = 64 * 1024 * 1024;
export const MAX_CONFIGS = 256;
/** Entries in the table of devices; ids 0 and 255 are not used. */
export const DEVICE_TABLE_LENGTH = 256;
export const MAX_DEVICE_ID = 254;
export const MAX_BLOB_SIZE = 0xffff;

export const OFFSET = {
  version: 4,
  uuid: 8,
  ctime: 24,
  md5: 32,
  blobBufferOffset: 48,
  blobBufferSize: 52,
  headerSize: 56,
  configNames: 2044,
  configData: 3068,
  devices: 4096,
  deviceSize: 8,
} as const;
export const DEVICE_ENTRY_SIZE = 32;

export const UUID_SIZE = 16;
const MD5_SIZE = 16;

export const EXTENT_MAGIC = 0x564d4145; // 'VMAE'
export const EXTENT_HEADER_SIZE = 512;
export const EXTENT_SLOTS = 59;
/** Proxmox's writer closes an extent at 58 clusters; so does ours, to give the same bytes. */
export const CLUSTERS_PER_WRITTEN_EXTENT = 58;
export const EXTENT_OFFSET = { reserved: 4, blockCount: 6, uuid: 8, md5: 24, blockInfos: 40 } as const;

export const BLOCK_SIZE = 4096;
export const BLOCKS_PER_CLUSTER = 16;
export const CLUSTER_SIZE = BLOCK_SIZE * BLOCKS_PER_CLUSTER;
/** All of a cluster's blocks are stored. */
export const WHOLE_CLUSTER_MASK = 0xffff;
/** QEMU rounds the size of a raw image up to this, so every device's size is a multiple. */
export const SECTOR_SIZE = 512;

/** The size that a source of `size` bytes has as a drive, in bytes. */
export function wholeSectors(size: number): number {
  return Math.ceil(size / SECTOR_SIZE) * SECTOR_SIZE;
}

/** A cluster number has 32 bits, so a device has at most 256 TiB. */
export const MAX_DEVICE_SIZE = 2 ** 32 * CLUSTER_SIZE;

/** The device of this name holds the state of a running guest's memory. */
export const VMSTATE_NAME = 'vmstate';

/** A configuration file kept in the header. */
export interface VmaConfig {
  readonly name: string;
  readonly data: Uint8Array;
}

/** A drive. */
export interface VmaDevice {
  /** 1 to 254. */
  readonly id: number;
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

export interface VmaHeader {
  /** In the usual form, lower case. */
  readonly uuid: string;
  /** Seconds since the epoch. */
  readonly ctime: bigint;
  readonly configs: readonly VmaConfig[];
  /** By id. */
  readonly devices: readonly VmaDevice[];
}

/** One cluster as an extent describes it. */
export interface BlockInfo {
  readonly deviceId: number;
  readonly cluster: number;
  /** Bit n: the cluster's n-th block is stored. */
  readonly mask: number;
}

export interface ExtentHeader {
  readonly blockCount: number;
  /** Used slots only, in order. */
  readonly blockInfos: readonly BlockInfo[];
}

/** How many clusters a device of `size` bytes has. */
export function clusterCount(size: number): number {
  return Math.ceil(size / CLUSTER_SIZE);
}

/** How many blocks a mask of 16 bits stores. */
export function storedBlocks(mask: number): number {
  let bits = mask - ((mask >> 1) & 0x5555);
  bits = (bits & 0x3333) + ((bits >> 2) & 0x3333);
  bits = (bits + (bits >> 4)) & 0x0f0f;
  return (bits + (bits >> 8)) & 0x1f;
}

/** 16 bytes → `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. */
export function formatUuid(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The inverse of `formatUuid`; hyphens may be left out. @throws `VMA_UUID` */
export function parseUuid(uuid: string): Buffer {
  const digits = uuid.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(digits)) {
    throw new ArchiveError('VMA_UUID', `not a uuid: ${JSON.stringify(uuid)}`);
  }
  return Buffer.from(digits, 'hex');
}

/** The MD5 of a header or extent header, its own field (at `field`) counted as zeros. */
export function checksum(bytes: Uint8Array, field: number): Buffer {
  return process
    .getBuiltinModule('node:crypto')
    .createHash('md5')
    .update(bytes.subarray(0, field))
    .update(new Uint8Array(MD5_SIZE))
    .update(bytes.subarray(field + MD5_SIZE))
    .digest();
}

/** Whether the MD5 that stands at `field` is right. */
export function checksumMatches(bytes: Uint8Array, field: number): boolean {
  return checksum(bytes, field).equals(bytes.subarray(field, field + MD5_SIZE));
}

/** Writes the header of an extent into the first 512 bytes of `extent`. */
export function encodeExtentHeader(extent: Buffer, uuid: Uint8Array, blockInfos: readonly BlockInfo[]): void {
  extent.fill(0, 0, EXTENT_HEADER_SIZE);
  extent.writeUInt32BE(EXTENT_MAGIC, 0);
  extent.set(uuid, EXTENT_OFFSET.uuid);
  let blockCount = 0;
  let at: number = EXTENT_OFFSET.blockInfos;
  for (const { deviceId, cluster, mask } of blockInfos) {
    extent.writeUInt16BE(mask, at);
    extent[at + 3] = deviceId;
    extent.writeUInt32BE(cluster, at + 4);
    blockCount += storedBlocks(mask);
    at += 8;
  }
  extent.writeUInt16BE(blockCount, EXTENT_OFFSET.blockCount);
  extent.set(checksum(extent.subarray(0, EXTENT_HEADER_SIZE), EXTENT_OFFSET.md5), EXTENT_OFFSET.md5);
}

/** Whether these bytes, or as many as there are, start as an extent does. */
export function startsAsExtent(bytes: Uint8Array): boolean {
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(EXTENT_MAGIC);
  return magic.subarray(0, bytes.length).equals(bytes.subarray(0, magic.length));
}

/**
 * Decodes and checks one extent header, as far as it can be checked without knowing the devices.
 * @param offset where it stands in the archive
 * @throws `VMA_EXTENT_MAGIC`, `VMA_EXTENT_CHECKSUM`, `VMA_EXTENT_UUID`, `VMA_EXTENT_RESERVED`,
 * `VMA_EXTENT_BLOCK_COUNT`
 */
export function decodeExtentHeader(bytes: Uint8Array, uuid: Uint8Array, offset: number): ExtentHeader {
  const view = asBuffer(bytes);
  if (!startsAsExtent(bytes)) {
    throw new ArchiveError('VMA_EXTENT_MAGIC', 'no extent header where one must be', { offset });
  }
  if (!checksumMatches(bytes, EXTENT_OFFSET.md5)) {
    throw new ArchiveError('VMA_EXTENT_CHECKSUM', 'the extent header does not match its checksum', {
      offset,
    });
  }
  if (!view.subarray(EXTENT_OFFSET.uuid, EXTENT_OFFSET.uuid + UUID_SIZE).equals(uuid)) {
    throw new ArchiveError('VMA_EXTENT_UUID', 'the extent belongs to another archive', { offset });
  }
  if (view.readUInt16BE(EXTENT_OFFSET.reserved) !== 0) {
    throw new ArchiveError('VMA_EXTENT_RESERVED', 'a field of the extent header that must be zero is not', {
      offset,
    });
  }
  const blockCount = view.readUInt16BE(EXTENT_OFFSET.blockCount);
  const blockInfos: BlockInfo[] = [];
  let stored = 0;
  for (let at: number = EXTENT_OFFSET.blockInfos; at < EXTENT_HEADER_SIZE; at += 8) {
    const deviceId = view[at + 3]!;
    if (deviceId === 0) continue;
    const mask = view.readUInt16BE(at);
    stored += storedBlocks(mask);
    blockInfos.push({ deviceId, cluster: view.readUInt32BE(at + 4), mask });
  }
  if (stored !== blockCount) {
    throw new ArchiveError(
      'VMA_EXTENT_BLOCK_COUNT',
      `the extent counts ${blockCount} blocks, but describes ${stored}`,
      { offset },
    );
  }
  return { blockCount, blockInfos };
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
