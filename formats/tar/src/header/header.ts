import { bytesToPath } from '@vzdump-format/posix';
import { BLOCK_SIZE, LENGTH, OFFSET, TYPE } from '../format.js';
import { type Stretch, stretchOf } from '../read/archive-reader.js';
import { hasChecksum, sumOfBytes } from './checksum.js';
import { decodeField } from './names.js';
import { decodeNumber } from './numbers.js';

export const MAGIC_OF_USTAR = Buffer.from('ustar\0' + '00', 'latin1');
const MAGIC_OF_GNU = Buffer.from('ustar  \0', 'latin1');
const MAGIC_SIZE = 6;

/** The fields of a member's header. */
export interface Header {
  /** With its prefix. */
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** As it says, whether or not the type has content. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** One character, see `TYPE`. */
  readonly type: string;
  readonly linkName: string;
  readonly userName: string;
  readonly groupName: string;
  /** 0 but for devices. */
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/**
 * Whether an archive begins as a tar does, with a header. One without members is zeros alone, as much else
 * is.
 */
export function isTar(head: Uint8Array): boolean {
  if (head.length < BLOCK_SIZE) return false;
  const block = stretchOf(head);
  return hasChecksum(block, sumOfBytes(block.words, 0));
}

export function typeOf({ bytes, at }: Stretch): string {
  const type = bytes[at + OFFSET.type]!;
  return type < 0x80 ? String.fromCharCode(type) : bytesToPath(Uint8Array.of(type));
}

/** @throws `TAR_NUMBER` */
export function decodeSize(block: Stretch): number {
  return decodeNumber(block, OFFSET.size, LENGTH.size);
}

/** Decodes a block whose checksum is right. @throws `TAR_NUMBER` */
export function decodeHeader(block: Stretch): Header {
  const { bytes, at } = block;
  const type = typeOf(block);
  const isDevice = type === TYPE.char || type === TYPE.block;
  const namesOwners = isUstarHeader(block) || isGnuHeader(block); // in v7 there is nothing behind the link name
  return {
    name: decodeName(block),
    mode: decodeNumber(block, OFFSET.mode, LENGTH.mode),
    uid: decodeNumber(block, OFFSET.uid, LENGTH.id),
    gid: decodeNumber(block, OFFSET.gid, LENGTH.id),
    size: decodeSize(block),
    mtime: decodeNumber(block, OFFSET.mtime, LENGTH.time),
    type,
    linkName: decodeField(bytes, at + OFFSET.linkName, LENGTH.linkName),
    userName: namesOwners ? decodeField(bytes, at + OFFSET.userName, LENGTH.ownerName) : '',
    groupName: namesOwners ? decodeField(bytes, at + OFFSET.groupName, LENGTH.ownerName) : '',
    deviceMajor: isDevice ? decodeNumber(block, OFFSET.deviceMajor, LENGTH.device) : 0,
    deviceMinor: isDevice ? decodeNumber(block, OFFSET.deviceMinor, LENGTH.device) : 0,
  };
}

function decodeName(block: Stretch): string {
  const { bytes, at } = block;
  const name = decodeField(bytes, at + OFFSET.name, LENGTH.name);
  if (bytes[at + OFFSET.prefix] === 0 || !isUstarHeader(block)) return name;
  return `${decodeField(bytes, at + OFFSET.prefix, LENGTH.prefix)}/${name}`;
}

function isUstarHeader(block: Stretch): boolean {
  return hasMagic(block, MAGIC_OF_USTAR);
}

/** Whether a block has the fields of a GNU header behind the device numbers. */
export function isGnuHeader(block: Stretch): boolean {
  return hasMagic(block, MAGIC_OF_GNU);
}

function hasMagic({ bytes, at }: Stretch, magic: Uint8Array): boolean {
  for (let index = 0; index < MAGIC_SIZE; index++) {
    if (bytes[at + OFFSET.magic + index] !== magic[index]) return false;
  }
  return true;
}
