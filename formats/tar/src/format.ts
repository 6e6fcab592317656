/**
 * The tar format, as GNU tar writes it for containers (POSIX pax with GNU sparse files), and as what is
 * around reads it: v7, ustar, GNU, pax.
 *
 * An archive is a sequence of members in blocks of 512 bytes, then two blocks of zeros, then zeros up to a
 * whole record of 10240 bytes. A member is a header block, and its content padded with zeros to whole blocks.
 * Numbers are octal text.
 *
 * ## Header: a block
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * |      0 |  100 | name, up to the first NUL or all of it |
 * |    100 |    8 | mode: the low 12 bits of `st_mode` |
 * |    108 |    8 | uid |
 * |    116 |    8 | gid |
 * |    124 |   12 | size: bytes of content in the archive |
 * |    136 |   12 | mtime, in seconds since the epoch |
 * |    148 |    8 | checksum: the sum of the block's bytes, this field counted as spaces; some writers add signed bytes |
 * |    156 |    1 | type, see `TYPE` |
 * |    157 |  100 | link name: where a symlink points, or the name of the file that a hardlink names |
 * |    257 |    6 | magic: `ustar\0` in ustar and pax, `ustar ` in GNU archives, nothing in v7 |
 * |    263 |    2 | version: `00`; in GNU archives ` \0` |
 * |    265 |   32 | user name |
 * |    297 |   32 | group name |
 * |    329 |    8 | major number of a device |
 * |    337 |    8 | minor number of a device |
 * |    345 |  155 | ustar and pax: what stands before the name, with a slash between |
 * |    386 | 4×24 | GNU: the first four stretches of a sparse file, see `sparse.ts` |
 * |    482 |    1 | GNU: whether blocks with more stretches follow |
 * |    483 |   12 | GNU: the size of a sparse file, holes included |
 *
 * A number is leading spaces, octal digits, and a space, a NUL or the end of the field; a field of NULs is 0.
 * What does not fit is in base 256 (GNU): first byte 0x80, then big endian; or two's complement from a first
 * byte 0xff on.
 *
 * ## Members that tell of the next one
 *
 * The content of a `paxHeader` is records (see `pax.ts`) that stand in place of fields of the next header, or
 * hold what a header has no field for; those of a `paxGlobal` hold for all that follow. The content of a
 * `gnuLongName` or `gnuLongLink` is the next member's name or link name.
 *
 * ## Content
 *
 * A hardlink has none, whatever its size says, nor has a directory, unless it is a GNU `dumpDirectory`. A
 * file whose name ends in a slash is a directory (v7 had no type for it). Files of a type that is not known
 * are plain files (POSIX).
 *
 * Sources: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format"; the GNU tar manual,
 * "Tar Internals"; what GNU tar 1.34 and bsdtar 3.6.2 write, and say of archives made by hand (the README has
 * the list).
 */

export const BLOCK_SIZE = 512;
/** An archive's size is a multiple of this: 20 blocks, as GNU tar does unless told otherwise. */
export const RECORD_SIZE = 20 * BLOCK_SIZE;
/** How many blocks of zeros end an archive. */
export const END_BLOCKS = 2;

export const OFFSET = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  mtime: 136,
  checksum: 148,
  type: 156,
  linkName: 157,
  magic: 257,
  userName: 265,
  groupName: 297,
  deviceMajor: 329,
  deviceMinor: 337,
  prefix: 345,
  gnuSparse: 386,
  gnuIsExtended: 482,
  gnuRealSize: 483,
} as const;

export const LENGTH = {
  name: 100,
  mode: 8,
  id: 8,
  size: 12,
  time: 12,
  checksum: 8,
  linkName: 100,
  ownerName: 32,
  device: 8,
  prefix: 155,
} as const;

/** The type of a member: the character in its header. */
export const TYPE = {
  file: '0',
  fileOfV7: '\0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  /** POSIX: 'reserved for high performance files', which are plain files everywhere. */
  contiguous: '7',
  /** A directory with a list of what was in it (GNU, incremental). */
  dumpDirectory: 'D',
  gnuLongLink: 'K',
  gnuLongName: 'L',
  /** The rest of a file that began on another volume (GNU). */
  multiVolume: 'M',
  /** A sparse file of the GNU format. */
  gnuSparse: 'S',
  /** The name of a volume (GNU). */
  volumeLabel: 'V',
  paxGlobal: 'g',
  paxHeader: 'x',
  /** The same under the name that Solaris gave it. */
  paxHeaderOfSolaris: 'X',
} as const;

/** The largest numbers that octal digits hold in a field that ends in a NUL. */
export const MAX_OCTAL_ID = 0o7777777;
export const MAX_OCTAL_SIZE = 0o77777777777;
export const MAX_OCTAL_TIME = 0o77777777777;
export const MAX_ID = 0xffffffff;

/**
 * What one pax header may hold. GNU tar's own are below 100 KiB, but for the maps of files with very many
 * holes.
 */
export const MAX_PAX_SIZE = 16 * 1024 * 1024;
/** The longest name. Linux takes 4096 bytes in a call. */
export const MAX_NAME_SIZE = 1024 * 1024;
/** Stretches of data in a sparse file: what bounds the memory that a map can claim, at some 250 MB. */
export const MAX_EXTENTS = 4 * 1024 * 1024;

/** `size` rounded up to whole blocks. */
export function wholeBlocks(size: number): number {
  const rest = size % BLOCK_SIZE;
  return rest === 0 ? size : size - rest + BLOCK_SIZE;
}
