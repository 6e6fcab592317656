import { BLOCK_SIZE, LENGTH, OFFSET } from '../format.js';
import { encodeChecksum, encodeOctal, MAGIC_OF_USTAR } from './header.js';
import { encodeField, encodeName, type MemberName } from './names.js';

const SPACE = 0x20;

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
