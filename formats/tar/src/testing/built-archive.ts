import { BLOCK_SIZE, LENGTH, OFFSET, wholeBlocks } from '../format.js';
import { encodeChecksum, encodeOctal, sumOfBytes } from '../header/header.js';

/** What a header of a built archive says; bytes are taken as they are. */
export interface BuiltHeader {
  readonly name?: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number | Uint8Array;
  readonly gid?: number;
  readonly size?: number | Uint8Array;
  readonly mtime?: number | Uint8Array;
  readonly type?: string;
  readonly linkName?: string;
  /** `ustar\0` and `00` unless given. */
  readonly magic?: string;
  readonly userName?: string;
  readonly groupName?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly prefix?: string;
  /** Bytes by their places in the header, laid over all else. */
  readonly patch?: Readonly<Record<number, string | Uint8Array>>;
}

export const GNU_MAGIC = 'ustar  \0';
export const V7_MAGIC = '\0'.repeat(8);

/** The end of an archive. */
export const END = Buffer.alloc(2 * BLOCK_SIZE);

export function header(fields: BuiltHeader): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  const text = (at: number, value: string | Uint8Array = '') =>
    block.set(Buffer.from(value as string, 'latin1'), at);
  const number = (at: number, length: number, value: number | Uint8Array = 0) => {
    if (typeof value === 'number') encodeOctal(block, at, length, value);
    else block.set(value, at);
  };
  text(OFFSET.name, fields.name ?? 'file');
  number(OFFSET.mode, LENGTH.mode, fields.mode ?? 0o644);
  number(OFFSET.uid, LENGTH.id, fields.uid);
  number(OFFSET.gid, LENGTH.id, fields.gid);
  number(OFFSET.size, LENGTH.size, fields.size);
  number(OFFSET.mtime, LENGTH.time, fields.mtime);
  text(OFFSET.type, fields.type ?? '0');
  text(OFFSET.linkName, fields.linkName);
  text(OFFSET.magic, fields.magic ?? 'ustar\x0000');
  text(OFFSET.userName, fields.userName);
  text(OFFSET.groupName, fields.groupName);
  number(OFFSET.deviceMajor, LENGTH.device, fields.major);
  number(OFFSET.deviceMinor, LENGTH.device, fields.minor);
  if (fields.prefix !== undefined) text(OFFSET.prefix, fields.prefix);
  for (const [at, value] of Object.entries(fields.patch ?? {})) text(Number(at), value);
  return repairChecksum(block);
}

export function repairChecksum(block: Buffer): Buffer {
  block.fill(' ', OFFSET.checksum, OFFSET.checksum + LENGTH.checksum);
  const words = new DataView(block.buffer, block.byteOffset, block.length);
  encodeChecksum(block, 0, sumOfBytes(words, 0));
  return block;
}

export function padded(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content as string, 'latin1');
  return Buffer.concat([bytes, Buffer.alloc(wholeBlocks(bytes.length) - bytes.length)]);
}

/** A header and its content, with its size unless the header has one. */
export function member(fields: BuiltHeader, content: Uint8Array | string = ''): Buffer {
  return Buffer.concat([header({ size: content.length, ...fields }), padded(content)]);
}

/** A pax record, its length right. */
export function record(keyword: string, value: string): string {
  const rest = keyword.length + value.length + 3;
  const length = rest + String(rest).length;
  return `${rest + String(length).length} ${keyword}=${value}\n`;
}

/** A pax header of records, which are given as pairs or as they shall stand. Text is bytes (latin1). */
export function pax(...records: (readonly [keyword: string, value: string] | string)[]): Buffer {
  return paxHeader('x', records);
}

export function globalPax(...records: (readonly [keyword: string, value: string] | string)[]): Buffer {
  return paxHeader('g', records);
}

function paxHeader(type: string, records: readonly (readonly [string, string] | string)[]): Buffer {
  const content = records.map((entry) => (typeof entry === 'string' ? entry : record(...entry))).join('');
  return member({ name: 'PaxHeaders/x', type }, content);
}

/** The members, and the end. */
export function archive(...members: Uint8Array[]): Buffer {
  return Buffer.concat([...members, END]);
}
