/**
 * The pxar format: the file archives of Proxmox Backup Server, made for being read at random.
 *
 * An archive is a sequence of items, one behind the other, without alignment or padding. All numbers are
 * little endian.
 *
 * ## Item: a header of 16 bytes, then its content
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * |      0 |    8 | type |
 * |      8 |    8 | size of the item, these 16 bytes included |
 *
 * Most types are the SipHash-2-4 of `__PROXMOX_FORMAT_<NAME>__` with the keys that names are hashed with too
 * (`NAME_HASH_KEY`).
 *
 * | item              | content |
 * |-------------------|---------|
 * | FORMAT_VERSION    | u64: 2. There in split archives; an explicit 1 is read as well |
 * | PRELUDE           | any bytes; directly behind the version |
 * | FILENAME          | name, NUL |
 * | ENTRY             | mode u64 (all of `st_mode`), flags u64, uid u32, gid u32, seconds i64, nanoseconds u32, 4 bytes unused |
 * | ENTRY_V1          | mode u64, flags u64, uid u32, gid u32, mtime u64 in nanoseconds. Read, never written |
 * | XATTR             | name, NUL, value |
 * | ACL_USER          | id u64, permissions u64. The same for ACL_GROUP, ACL_DEFAULT_USER, ACL_DEFAULT_GROUP |
 * | ACL_GROUP_OBJ     | permissions u64. There if the ACL has a mask, which then stands in the mode in place of the group's bits |
 * | ACL_DEFAULT       | permissions of user object, group object, others, and mask, u64 each; all bits set: none |
 * | FCAPS             | the value of `security.capability` |
 * | QUOTA_PROJID      | id u64 |
 * | PAYLOAD           | the bytes of a file |
 * | PAYLOAD_REF       | offset u64, size u64: where a file's PAYLOAD stands in the payload stream, and the size of its content |
 * | SYMLINK           | target, NUL |
 * | HARDLINK          | offset u64, path of the target from the root on, NUL |
 * | DEVICE            | major u64, minor u64 |
 * | GOODBYE           | the goodbye table of a directory: items of 24 bytes |
 *
 * ## Archive
 *
 *     archive   = [FORMAT_VERSION [PRELUDE]] directory
 *     directory = ENTRY metadata* (FILENAME entry)* GOODBYE
 *     entry     = directory | HARDLINK | ENTRY metadata* [PAYLOAD | PAYLOAD_REF | SYMLINK | DEVICE]
 *     metadata  = XATTR* ACL_USER* ACL_GROUP* [ACL_GROUP_OBJ] [ACL_DEFAULT]
 *                 ACL_DEFAULT_USER* ACL_DEFAULT_GROUP* [FCAPS] [QUOTA_PROJID]
 *
 * Metadata is written in that order and read in any. What an entry is, the item at its end tells; where there
 * is none, the mode does: a directory, fifo or socket. Children come in any order; `pxar create` sorts them
 * by the bytes of their names.
 *
 * A hardlink's offset is the distance from the FILENAME of its target to its own, so it points backwards; the
 * target is a regular file. Times are the kernel's: 1.5 seconds before the epoch are -2 seconds and
 * 500,000,000 nanoseconds.
 *
 * ## Goodbye table: what makes an archive readable at random
 *
 * An item for each child, then one for the directory itself:
 *
 * | offset | size | of a child                          | of the directory (last)                       |
 * |-------:|-----:|-------------------------------------|-----------------------------------------------|
 * |      0 |    8 | hash of its name                    | the tail marker                               |
 * |      8 |    8 | from its FILENAME to the GOODBYE    | from the directory's ENTRY to the GOODBYE     |
 * |     16 |    8 | from its FILENAME to the child's end | size of the GOODBYE, its header included     |
 *
 * The root's last item, which are the last 24 bytes of the archive, points to the first byte of the archive,
 * be there a FORMAT_VERSION or not. The children are sorted by hash and laid out as a complete binary tree
 * (see `goodbye.ts`). In a split archive, the size of a file counts its content in too, though that is
 * elsewhere, if the file's content was written with it.
 *
 * ## Split archive: version 2
 *
 * Metadata (`.mpxar`) and contents (`.ppxar`) are kept apart, so that contents need not be read again from
 * one backup to the next. In the archive, each PAYLOAD is replaced by a PAYLOAD_REF. The payload stream is a
 * PAYLOAD_START, the PAYLOAD items in the archive's order, and a PAYLOAD_TAIL; both markers are items without
 * content. Between two PAYLOAD items there may be anything.
 */

/** The name of an item, as in the table above. */
export type ItemName =
  | 'FORMAT_VERSION'
  | 'PRELUDE'
  | 'ENTRY'
  | 'ENTRY_V1'
  | 'FILENAME'
  | 'SYMLINK'
  | 'HARDLINK'
  | 'DEVICE'
  | 'XATTR'
  | 'ACL_USER'
  | 'ACL_GROUP'
  | 'ACL_GROUP_OBJ'
  | 'ACL_DEFAULT'
  | 'ACL_DEFAULT_USER'
  | 'ACL_DEFAULT_GROUP'
  | 'FCAPS'
  | 'QUOTA_PROJID'
  | 'PAYLOAD'
  | 'PAYLOAD_REF'
  | 'GOODBYE'
  | 'PAYLOAD_START'
  | 'PAYLOAD_TAIL';

/** A number of 64 bits as the halves that JavaScript computes with, both unsigned. */
export interface U64 {
  readonly high: number;
  readonly low: number;
}

export interface ItemType {
  readonly name: ItemName;
  /** The halves of its number, signed: V8 keeps integers of 32 bits apart from all other numbers. */
  readonly low: number;
  readonly high: number;
  /** What its content may have, in bytes. */
  readonly least: number;
  readonly most: number;
  /** Whether an item of the same entry follows. */
  readonly goesOn: boolean;
}

export const ITEM_HEADER_SIZE = 16;
export const ENTRY_SIZE = 40;
export const ENTRY_V1_SIZE = 32;
export const GOODBYE_ITEM_SIZE = 24;

/** Content bytes, the NUL included (PATH_MAX, and one more as the crate has it). */
export const MAX_NAME_SIZE = 4097;
export const MAX_HARDLINK_SIZE = 8 + MAX_NAME_SIZE;
/** Content bytes of an XATTR or FCAPS: a name of 255 bytes and a value of 64 KiB, the most that Linux has. */
export const MAX_XATTR_SIZE = 65791;
/**
 * The format has no limit here, and the real reader dies of a large one. It holds patterns of what was left
 * out.
 */
export const MAX_PRELUDE_SIZE = 16 * 1024 * 1024;
/** Of all metadata items of one entry, since they are held in memory together. */
export const MAX_METADATA_SIZE = 16 * 1024 * 1024;
/** Directories within each other. */
export const MAX_DEPTH = 1024;
/** Of a path that the names of an archive come to, in UTF-16 units. */
export const MAX_PATH_LENGTH = 65536;

function itemType(name: ItemName, hex: string, least: number, most = least): ItemType {
  const { low, high } = u64(hex);
  return { name, least, most, goesOn: false, low: low | 0, high: high | 0 };
}

function itemThatGoesOn(name: ItemName, hex: string, least: number, most = least): ItemType {
  return { ...itemType(name, hex, least, most), goesOn: true };
}

function u64(hex: string): U64 {
  return { high: Number.parseInt(hex.slice(0, 8), 16), low: Number.parseInt(hex.slice(8), 16) };
}

export const ITEM = {
  FORMAT_VERSION: itemType('FORMAT_VERSION', '730f6c75df16a40d', 8),
  PRELUDE: itemType('PRELUDE', 'e309d79d9f7b771b', 0, MAX_PRELUDE_SIZE),
  ENTRY: itemThatGoesOn('ENTRY', 'd5956474e588acef', ENTRY_SIZE),
  ENTRY_V1: itemThatGoesOn('ENTRY_V1', '11da850a1c1cceff', ENTRY_V1_SIZE),
  FILENAME: itemThatGoesOn('FILENAME', '16701121063917b3', 1, MAX_NAME_SIZE),
  SYMLINK: itemType('SYMLINK', '27f971e7dbf5dc5f', 1, MAX_NAME_SIZE),
  HARDLINK: itemType('HARDLINK', '51269c8422bd7275', 9, MAX_HARDLINK_SIZE),
  DEVICE: itemType('DEVICE', '9fc9e906586d5ce9', 16),
  XATTR: itemThatGoesOn('XATTR', '0dab0229b57dcd03', 1, MAX_XATTR_SIZE),
  ACL_USER: itemThatGoesOn('ACL_USER', '2ce8540a457d55b8', 16),
  ACL_GROUP: itemThatGoesOn('ACL_GROUP', '136e3eceb04c03ab', 16),
  ACL_GROUP_OBJ: itemThatGoesOn('ACL_GROUP_OBJ', '10868031e9582876', 8),
  ACL_DEFAULT: itemThatGoesOn('ACL_DEFAULT', 'bbbb13415a6896f5', 32),
  ACL_DEFAULT_USER: itemThatGoesOn('ACL_DEFAULT_USER', 'c89357b40532cd1f', 16),
  ACL_DEFAULT_GROUP: itemThatGoesOn('ACL_DEFAULT_GROUP', 'f90a8a5816038ffe', 16),
  FCAPS: itemThatGoesOn('FCAPS', '2da9dd9db5f7fb67', 0, MAX_XATTR_SIZE),
  QUOTA_PROJID: itemThatGoesOn('QUOTA_PROJID', 'e07540e82f7d1cbb', 8),
  PAYLOAD: itemType('PAYLOAD', '28147a1b0b7c1a25', 0, Number.MAX_SAFE_INTEGER),
  PAYLOAD_REF: itemType('PAYLOAD_REF', '419d3d6bc4ba977e', 16),
  GOODBYE: itemType('GOODBYE', '2fec4fa642d5731d', 0, Number.MAX_SAFE_INTEGER),
  PAYLOAD_START: itemType('PAYLOAD_START', '834c68c2194a4ed2', 0),
  PAYLOAD_TAIL: itemType('PAYLOAD_TAIL', '6c72b78b984c81b5', 0),
} as const satisfies Record<ItemName, ItemType>;

/** Stands where the last item of a goodbye table would have a hash. */
export const GOODBYE_TAIL_MARKER: U64 = u64('ef5eed5b753e1555');

/** The key that names are hashed with, as two little-endian numbers. */
export const NAME_HASH_KEY: readonly [U64, U64] = [u64('83ac3f1cfbb450db'), u64('aa4f1b6879369fbd')];

/** The bits of `st_mode` that tell the type of a file. */
export const FILE_TYPE = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  file: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  char: 0o020000,
  fifo: 0o010000,
} as const;

const typesByLowHalf = new Map<number, ItemType>(Object.values(ITEM).map((type) => [type.low, type]));

/** The type of the item whose header is at `at`; `undefined` when it is none of this format. */
export function itemTypeAt(view: DataView, at: number): ItemType | undefined {
  const type = typesByLowHalf.get(view.getInt32(at, true));
  return type?.high === view.getInt32(at + 4, true) ? type : undefined;
}

/** A u64; infinite when it is above 2^53, which nothing that is measured in bytes here can be. */
export function readU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  const low = view.getUint32(at, true);
  if (high === 0) return low; // without a product, it stays what V8 computes with as an integer
  return high > 0x1fffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + low;
}

/** @param value up to 2^53 */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, value / 2 ** 32, true);
}

/**
 * Whether a file begins as a pxar archive does: with a version, or the root's ENTRY. Takes its first 8 bytes.
 */
export function isPxar(head: Uint8Array): boolean {
  const name = nameOfFirstItem(head);
  return name === 'FORMAT_VERSION' || name === 'ENTRY' || name === 'ENTRY_V1';
}

/** Whether a file begins as the payload stream of a split archive does. Takes its first 8 bytes. */
export function isPxarPayload(head: Uint8Array): boolean {
  return nameOfFirstItem(head) === 'PAYLOAD_START';
}

function nameOfFirstItem(head: Uint8Array): ItemName | undefined {
  if (head.length < 8) return undefined;
  return itemTypeAt(new DataView(head.buffer, head.byteOffset, head.length), 0)?.name;
}
