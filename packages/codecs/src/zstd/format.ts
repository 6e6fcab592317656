/**
 * The zstd frame format (RFC 8878), as far as it is needed to find the frames; numbers are little endian.
 *
 *     u32 magic fd2fb528
 *     u8  descriptor: bits 7-6 size of the content size field, bit 5 single segment, bit 3 reserved (zero),
 *         bit 2 content checksum, bits 1-0 size of the dictionary id field
 *     [u8 window descriptor, unless single segment: exponent (5 bits), mantissa (3 bits)]
 *     [dictionary id: 0, 1, 2 or 4 bytes]
 *     [content size: 0 (1 if single segment), 2 (plus 256), 4 or 8 bytes]
 *     blocks: u24 header: bit 0 last, bits 2-1 type, 21 bits size; then that many bytes, or one for a run
 *     [u32 low half of the content's XXH64, if flagged]
 *
 * Between frames may stand skippable frames: u32 magic 184d2a50 … 184d2a5f, u32 size, that many bytes.
 */
export const FRAME_MAGIC = 0xfd2fb528;
export const SKIPPABLE_MAGIC = 0x184d2a50;
export const MAGIC_SIZE = 4;
export const BLOCK_HEADER_SIZE = 3;
export const CHECKSUM_SIZE = 4;
/** A block holds, and decompresses to, at most this (RFC 8878, 3.1.1.2.4). */
export const MAX_BLOCK_SIZE = 128 * 1024;

const DICTIONARY_ID_SIZES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_SIZES = [0, 2, 4, 8] as const;

/** All beginnings of a zstd file. */
export const ZSTD_MAGICS: readonly Uint8Array[] = [
  littleEndian(FRAME_MAGIC),
  ...Array.from({ length: 16 }, (_, low) => littleEndian(SKIPPABLE_MAGIC + low)),
];

export interface FrameHeader {
  /** The bytes that a decoder must be able to look back. */
  readonly windowSize: number;
  /** Undefined when the writer did not know it. */
  readonly contentSize: number | undefined;
  /** 0 = none. */
  readonly dictionaryId: number;
  readonly hasChecksum: boolean;
}

export interface BlockHeader {
  readonly last: boolean;
  /** Bytes that follow in the stream; undefined for the reserved type. */
  readonly storedSize: number | undefined;
}

/** How many bytes of header follow the descriptor. */
export function headerRestSize(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  return (singleSegment ? 0 : 1) + DICTIONARY_ID_SIZES[descriptor & 3]! + contentSizeSize(descriptor);
}

/** @param rest what follows the descriptor, `headerRestSize` bytes. */
export function decodeFrameHeader(descriptor: number, rest: Uint8Array): FrameHeader {
  const bytes = Buffer.from(rest.buffer, rest.byteOffset, rest.length);
  const singleSegment = (descriptor & 0x20) !== 0;
  const idAt = singleSegment ? 0 : 1;
  const idSize = DICTIONARY_ID_SIZES[descriptor & 3]!;
  const contentSize = decodeContentSize(bytes.subarray(idAt + idSize));
  return {
    windowSize: singleSegment ? contentSize! : decodeWindowSize(bytes[0]!),
    contentSize,
    dictionaryId: idSize === 0 ? 0 : bytes.readUIntLE(idAt, idSize),
    hasChecksum: (descriptor & 4) !== 0,
  };
}

/** @param at where in `bytes` it begins. */
export function decodeBlockHeader(bytes: Uint8Array, at = 0): BlockHeader {
  const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
  const size = header >>> 3;
  const storedSizes = [size, 1, size, undefined]; // raw, run, compressed, reserved
  return { last: (header & 1) === 1, storedSize: storedSizes[(header >> 1) & 3] };
}

function contentSizeSize(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  return descriptor >> 6 === 0 && singleSegment ? 1 : CONTENT_SIZE_SIZES[descriptor >> 6]!;
}

function decodeContentSize(bytes: Buffer): number | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes.length === 8) return Number(bytes.readBigUInt64LE());
  return bytes.readUIntLE(0, bytes.length) + (bytes.length === 2 ? 256 : 0);
}

function decodeWindowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function littleEndian(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
