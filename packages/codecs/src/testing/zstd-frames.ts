import { FRAME_MAGIC, MAX_BLOCK_SIZE } from '../zstd/format.js';

/** Frames made by hand, of blocks that no encoder would write. */
export interface HandMadeFrame {
  /** The window is 2^10 times two to this; 1 MiB unless given. */
  readonly windowExponent?: number;
  readonly contentSize?: number;
  readonly checksum?: number;
}

/** The last of the blocks is marked as such. */
export function handMadeFrame(
  blocks: readonly Buffer[],
  { windowExponent = 10, contentSize, checksum }: HandMadeFrame = {},
): Buffer {
  const header = Buffer.alloc(contentSize === undefined ? 6 : 14);
  header.writeUInt32LE(FRAME_MAGIC);
  header[4] = (contentSize === undefined ? 0 : 0xc0) | (checksum === undefined ? 0 : 4);
  header[5] = windowExponent << 3;
  if (contentSize !== undefined) header.writeBigUInt64LE(BigInt(contentSize), 6);
  const last = Buffer.from(blocks.at(-1)!);
  last[0]! |= 1;
  const end = Buffer.alloc(checksum === undefined ? 0 : 4);
  if (checksum !== undefined) end.writeUInt32LE(checksum);
  return Buffer.concat([header, ...blocks.slice(0, -1), last, end]);
}

const block = (type: number, size: number, body: Uint8Array) => {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1), 0, 3);
  return Buffer.concat([header, body]);
};

export const rawBlock = (bytes: Uint8Array) => block(0, bytes.length, bytes);
export const runBlock = (byte: number, size: number) => block(1, size, Uint8Array.of(byte));
export const compressedBlock = (body: Uint8Array) => block(2, body.length, body);

/** Bits from the first that is read to the last, below the one that begins the stream. */
export function bitStream(...values: (readonly [value: number, bits: number])[]): Buffer {
  let all = 1n;
  for (const [value, bits] of values) all = (all << BigInt(bits)) | BigInt(value);
  const bytes: number[] = [];
  for (let rest = all; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 255n));
  return Buffer.from(bytes);
}

/** A block that is filled by one match, with tables of one code, or the repeated ones. */
export function copyBlock(offset: number, tables: 'one code' | 'repeated'): Buffer {
  const code = 31 - Math.clz32(offset + 3);
  const matchCode = 52; // 65539, and sixteen bits more
  const modes = tables === 'one code' ? [0x54, 0, code, matchCode] : [0xfc];
  const stream = bitStream([(offset + 3) & ((1 << code) - 1), code], [MAX_BLOCK_SIZE - 65_539, 16]);
  return compressedBlock(Buffer.concat([Buffer.from([0, 1, ...modes]), stream]));
}
