import { bytesToPath } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { BLOCK_SIZE, LENGTH, OFFSET, TYPE } from '../format.js';
import { type Stretch, stretchOf } from '../read/archive-reader.js';
import { decodeField, encodeField, encodeName, type MemberName } from './names.js';

const MAGIC_OF_USTAR = Buffer.from('ustar\0' + '00', 'latin1');
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

const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_7 = 0x37;
const MAX_INT32 = 0x7fffffff;
const BASE_256_POSITIVE = 0x80;
const BASE_256_NEGATIVE = 0xff;

/**
 * The number in a field of a header: octal, or in base 256, which alone can be negative. A field of spaces is
 * no number (GNU tar says so too, bsdtar reads 0), one of NULs is 0.
 * @param field where it is in the header
 * @throws `TAR_NUMBER` for what is no number, or past 2^53
 */
export function decodeNumber(header: Stretch, field: number, length: number): number {
  const { bytes } = header;
  const at = header.at + field;
  const first = bytes[at]!;
  if (first === BASE_256_POSITIVE) return decodeBase256(header, field, length, 0);
  if (first === BASE_256_NEGATIVE) return decodeBase256(header, field, length, -1);
  const end = at + length;
  let index = first === 0 ? at + 1 : at; // some old tar let the NUL of the field before run over
  while (index < end && bytes[index] === SPACE) index++;
  const digits = index;
  let value = 0;
  let byte = 0;
  for (; index < end; index++) {
    byte = bytes[index]!;
    if (byte < DIGIT_0 || byte > DIGIT_7) break;
    value = value * 8 + (byte - DIGIT_0);
  }
  const isBlank = digits === end && first !== 0;
  const isFollowedByOther = index < end && byte !== 0 && byte !== SPACE;
  if (isBlank || isFollowedByOther) throw notANumber(header, field, length);
  return value;
}

/** @param sign what bytes further up would stand for: 0, or -1 for all ones */
function decodeBase256(header: Stretch, field: number, length: number, sign: number): number {
  const start = header.at + field;
  let value = sign;
  for (let at = start + 1; at < start + length; at++) {
    value = value * 256 + header.bytes[at]!;
    if (!Number.isSafeInteger(value)) throw notANumber(header, field, length);
  }
  return value;
}

function notANumber({ bytes, at, offset }: Stretch, field: number, length: number): ArchiveError {
  const hex = bytes.toString('hex', at + field, at + field + length);
  return new ArchiveError('TAR_NUMBER', `a field of a header is no number, or too large a one: ${hex}`, {
    offset: offset + field,
  });
}

/** Writes octal digits and a NUL. @param value 0 up to what `length - 1` digits hold */
export function encodeOctal(bytes: Uint8Array, at: number, length: number, value: number): void {
  bytes[at + length - 1] = 0;
  let rest = value;
  let index = at + length - 2;
  for (; rest > MAX_INT32; index--) {
    bytes[index] = DIGIT_0 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
  for (; index >= at; index--) {
    bytes[index] = DIGIT_0 + (rest & 7);
    rest >>= 3;
  }
}

/** All writers write six digits, a NUL and a space. */
const CHECKSUM_DIGITS_AND_NUL = 7;

/**
 * The sum of the bytes of a block, sixteen at a time: two lanes of 16 bits, which 256 bytes cannot overflow.
 */
export function sumOfBytes(words: DataView, start: number): number {
  let lanes = 0;
  for (let at = start; at < start + BLOCK_SIZE; at += 16) {
    const first = words.getInt32(at, true);
    const second = words.getInt32(at + 4, true);
    const third = words.getInt32(at + 8, true);
    const fourth = words.getInt32(at + 12, true);
    if ((first | second | third | fourth) === 0) continue; // as most of a header is
    lanes = (lanes + lanesOf(first) + lanesOf(second) + lanesOf(third) + lanesOf(fourth)) | 0;
  }
  return (lanes & 0xffff) + (lanes >>> 16);
}

function lanesOf(word: number): number {
  return (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff);
}

/** Whether a block is the header of a member. @param sum of its bytes */
export function hasChecksum(block: Stretch, sum: number): boolean {
  let expected: number;
  try {
    expected = decodeNumber(block, OFFSET.checksum, LENGTH.checksum);
  } catch {
    return false;
  }
  return expected === checksumOf(block, sum) || expected === signedChecksum(block);
}

/** Writes the checksum of a header. @param sum of its bytes, with spaces for those of the checksum */
export function encodeChecksum(bytes: Uint8Array, start: number, sum: number): void {
  const at = start + OFFSET.checksum;
  encodeOctal(bytes, at, CHECKSUM_DIGITS_AND_NUL, sum);
  bytes[at + CHECKSUM_DIGITS_AND_NUL] = SPACE;
}

/** The sum with the checksum's own field as spaces. */
function checksumOf({ bytes, at }: Stretch, sum: number): number {
  let result = sum;
  for (let index = 0; index < LENGTH.checksum; index++)
    result += SPACE - bytes[at + OFFSET.checksum + index]!;
  return result;
}

/** As some old writers added, to which bytes were signed. */
function signedChecksum({ bytes, at }: Stretch): number {
  let sum = LENGTH.checksum * SPACE;
  for (let index = 0; index < BLOCK_SIZE; index++) {
    const isChecksum = index >= OFFSET.checksum && index < OFFSET.checksum + LENGTH.checksum;
    if (!isChecksum) sum += (bytes[at + index]! << 24) >> 24;
  }
  return sum;
}

/** What a header says. Names are cut where their fields end, numbers must fit. */
export interface HeaderFields extends MemberName {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly type: string;
  /** Empty where there is none. */
  readonly linkName: string;
  /** Left empty in headers of pax records, as GNU tar does. */
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
}

interface NumberField {
  readonly at: number;
  readonly length: number;
  value: number | undefined;
}

/**
 * Writes ustar headers. Most are as the one before but for a few fields: those alone are encoded, and added
 * up for the checksum, the rest is copied.
 */
export class HeaderEncoder {
  /** A header without names, and with spaces for its checksum. */
  private readonly block = new Uint8Array(BLOCK_SIZE);
  /** Of its bytes. */
  private sum = 0;
  private readonly mode = numberField(OFFSET.mode, LENGTH.mode);
  private readonly uid = numberField(OFFSET.uid, LENGTH.id);
  private readonly gid = numberField(OFFSET.gid, LENGTH.id);
  private readonly size = numberField(OFFSET.size, LENGTH.size);
  private readonly mtime = numberField(OFFSET.mtime, LENGTH.time);
  private readonly major = numberField(OFFSET.deviceMajor, LENGTH.device);
  private readonly minor = numberField(OFFSET.deviceMinor, LENGTH.device);

  constructor() {
    this.block.fill(SPACE, OFFSET.checksum, OFFSET.checksum + LENGTH.checksum);
    this.block.set(MAGIC_OF_USTAR, OFFSET.magic);
    this.sum = sumOf(this.block, 0, BLOCK_SIZE);
  }

  /** Writes a header into a block, whatever is in it. */
  encode(bytes: Uint8Array, at: number, fields: HeaderFields): void {
    const { linkName, device } = fields;
    this.set(this.mode, fields.mode);
    this.set(this.uid, fields.uid);
    this.set(this.gid, fields.gid);
    this.set(this.size, fields.size);
    this.set(this.mtime, fields.mtime);
    this.set(this.major, device?.major);
    this.set(this.minor, device?.minor);
    this.setType(fields.type.charCodeAt(0));
    bytes.set(this.block, at);
    let sum = this.sum;
    const nameAt = at + OFFSET.name;
    sum += sumOf(bytes, nameAt, encodeName(bytes, nameAt, fields));
    if (linkName !== '') {
      const linkNameAt = at + OFFSET.linkName;
      sum += sumOf(bytes, linkNameAt, encodeField(bytes, linkNameAt, LENGTH.linkName, linkName));
    }
    encodeChecksum(bytes, at, sum);
  }

  /** @param value of a device, `undefined` leaves the field empty */
  private set(field: NumberField, value: number | undefined): void {
    if (field.value === value) return;
    const { block } = this;
    const { at, length } = field;
    this.sum -= sumOf(block, at, at + length);
    if (value === undefined) block.fill(0, at, at + length);
    else encodeOctal(block, at, length, value);
    this.sum += sumOf(block, at, at + length);
    field.value = value;
  }

  private setType(type: number): void {
    this.sum += type - this.block[OFFSET.type]!;
    this.block[OFFSET.type] = type;
  }
}

function numberField(at: number, length: number): NumberField {
  return { at, length, value: undefined };
}

function sumOf(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at < end; at++) sum += bytes[at]!;
  return sum;
}
