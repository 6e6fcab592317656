import { BufferSource } from '@vzdump-format/streams';
import { collect } from '@vzdump-format/testing';
import { crc32 } from '../crc32.js';

const HEADER_SIZE = 16;
export const FOOTER_SIZE = 46;
/** What an entry of the table has before its checksums. */
const ENTRY_SIZE = 34;

/** Where the table of an index begins. */
export function tableOf(index: Buffer): number {
  return index.readUIntLE(index.length - FOOTER_SIZE, 6);
}

/** Where an entry of the table begins. */
export function entryOf(index: Buffer, segment: number): number {
  let at = tableOf(index);
  for (let skipped = 0; skipped < segment; skipped++) at += ENTRY_SIZE + 4 * index.readUInt16LE(at + 32);
  return at;
}

/** A changed index whose checksums are right again. */
export function resealed(index: Buffer): Buffer {
  const sealed = Buffer.from(index);
  const footer = sealed.length - FOOTER_SIZE;
  const table = sealed.subarray(tableOf(sealed), footer);
  let at = 0;
  for (let left = sealed.readUInt32LE(footer + 6); left > 0 && at + ENTRY_SIZE <= table.length; left--) {
    const [place, length] = [table.readUIntLE(at + 18, 6), table.readUInt32LE(at + 24)];
    if (length > 0) table.writeUInt32LE(crc32(sealed.subarray(place, place + length)), at + 28);
    at += ENTRY_SIZE + 4 * table.readUInt16LE(at + 32);
  }
  sealed.writeUInt32LE(crc32(table, crc32(sealed.subarray(0, HEADER_SIZE))), footer + 10);
  sealed.writeUInt32LE(crc32(sealed.subarray(footer, footer + 42)), footer + 42);
  return sealed;
}

/** An index that is kept in memory. */
export async function indexSource(bytes: AsyncIterable<Uint8Array>): Promise<BufferSource> {
  return new BufferSource(await collect(bytes));
}
