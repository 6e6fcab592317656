/**
 * The lzop file format, big endian. A file is one member or several, one after the other:
 *
 *     size
 *     9      magic
 *     2      version of lzop, 2 of its library, [2 version needed to read it]
 *     1      method (1, 2: LZO1X-1; 3: LZO1X-999; all decompress alike), [1 level]
 *     4      flags, below; [4 filter, if flagged]
 *     4      mode, 4 modification time, [4 its upper half]
 *     1      length of the name, the name
 *     4      CRC-32 of the header from the version on, if flagged, else Adler-32
 *            [u32 length, extra field, u32 checksum, if flagged]
 *            blocks, then a u32 0:
 *     4      uncompressed length, 4 compressed length
 *            [Adler-32, CRC-32 of the uncompressed data, as flagged]
 *            [Adler-32, CRC-32 of the compressed data, as flagged, unless the lengths are the same]
 *            data; stored as it is when the lengths are the same
 *
 * What is in brackets without a flag exists from version 0x0940 on.
 */
export const MAGIC = Uint8Array.of(0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a);

/** What we write, as lzop 1.04. */
export const LZOP_VERSION = 0x1040;
export const LIBRARY_VERSION = 0x20a0;
export const VERSION_NEEDED = 0x0940;
/** Older files have another header. */
export const OLDEST_VERSION = 0x0900;
export const VERSION_WITH_LEVEL = 0x0940;

export const METHOD_LZO1X_1 = 1;
export const LEVEL_LZO1X_1 = 5;
export const LAST_METHOD = 3;

/** lzop's own block size, and the largest that it accepts. */
export const BLOCK_SIZE = 256 * 1024;
export const MAX_BLOCK_SIZE = 64 * 1024 * 1024;

export const Flag = {
  adlerOfContent: 0x1,
  adlerOfCompressed: 0x2,
  fromStdin: 0x4,
  toStdout: 0x8,
  extraField: 0x40,
  crcOfContent: 0x100,
  crcOfCompressed: 0x200,
  filter: 0x800,
  crcOfHeader: 0x1000,
  unix: 0x0300_0000,
} as const;

/** As lzop writes it from a pipe to a pipe. */
export const WRITTEN_FLAGS = Flag.adlerOfContent | Flag.fromStdin | Flag.toStdout | Flag.unix;

/** Bytes of the block header before the checksums. */
export const BLOCK_LENGTHS_SIZE = 8;

export interface LzopHeader {
  readonly flags: number;
}

/** Which checksums go with a block, in the order in which they are stored. */
export interface BlockChecksums {
  readonly adlerOfContent?: number | undefined;
  readonly crcOfContent?: number | undefined;
  readonly adlerOfCompressed?: number | undefined;
  readonly crcOfCompressed?: number | undefined;
}

/** How many bytes of checksums a block has. */
export function checksumsSize(flags: number, stored: boolean): number {
  const present: number[] = [Flag.adlerOfContent, Flag.crcOfContent];
  if (!stored) present.push(Flag.adlerOfCompressed, Flag.crcOfCompressed);
  return 4 * present.filter((flag) => (flags & flag) !== 0).length;
}

/** @param bytes `checksumsSize` bytes. */
export function decodeChecksums(bytes: Uint8Array, flags: number, stored: boolean): BlockChecksums {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const next = (flag: number, present = true) => {
    if ((flags & flag) === 0 || !present) return undefined;
    at += 4;
    return buffer.readUInt32BE(at - 4);
  };
  return {
    adlerOfContent: next(Flag.adlerOfContent),
    crcOfContent: next(Flag.crcOfContent),
    adlerOfCompressed: next(Flag.adlerOfCompressed, !stored),
    crcOfCompressed: next(Flag.crcOfCompressed, !stored),
  };
}
