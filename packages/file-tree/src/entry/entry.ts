import type { Items } from '@vzdump-format/streams';

/** What an entry is. A hardlink is another name of a file that came before it. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'block' | 'char' | 'fifo' | 'socket';

/** A stretch of a file: `length` bytes from `offset` on. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

export interface Device {
  readonly major: number;
  readonly minor: number;
}

/**
 * One entry of a POSIX.1e access control list. A user or group has an id, or the name that stood in the
 * archive.
 */
export interface AclEntry {
  readonly tag: 'user-object' | 'user' | 'group-object' | 'group' | 'mask' | 'other';
  readonly id?: number | undefined;
  readonly name?: string | undefined;
  /** Bits: 4 read, 2 write, 1 execute. */
  readonly permissions: number;
}

export type Acl = readonly AclEntry[];

/**
 * A file's bytes: all of them at once where they are few, or in pieces. Of a file with `extents`, only the
 * bytes in them, one after the other. They are read before the next entry is asked for, or not at all.
 */
export type Content = Uint8Array | Items<Uint8Array>;

/** What is in a directory tree, as `walk` yields it, `restoreTree` takes it, and tar and pxar hold it. */
export interface FileEntry {
  /**
   * Where it is, from the root on: components joined by `/`, without a leading `./` or a trailing `/`; the
   * root itself is the empty string. Out of an archive it is as hostile as the archive: `..` and a leading
   * `/` may stand in it. Bytes that are not UTF-8 are carried as U+DC80..U+DCFF (see `bytesToPath`).
   */
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits, with setuid, setgid and sticky: the low 12 of `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch, negative before it. */
  readonly mtime: bigint;
  /** Bytes in a file, holes included; 0 for everything else. */
  readonly size: number;
  /**
   * How many names the file has where it was found (`st_nlink`), if that is known: an archive's writer need
   * remember only those that have more than one.
   */
  readonly links?: number | undefined;
  /**
   * Where a symlink points, as it was written; or the path of the file that a hardlink names, as `path` is
   * written.
   */
  readonly linkTarget?: string | undefined;
  readonly device?: Device | undefined;
  /** Extended attributes but for ACLs and capabilities, by their full names. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  readonly acl?: Acl | undefined;
  /** The ACL that new files in this directory inherit. */
  readonly defaultAcl?: Acl | undefined;
  /** The value of `security.capability`, as the kernel stores it. */
  readonly fcaps?: Uint8Array | undefined;
  /** `FS_*_FL` bits as `FS_IOC_GETFLAGS` gives them (what `lsattr` shows). */
  readonly flags?: number | undefined;
  readonly quotaProject?: number | undefined;
  /** Where a sparse file has data, in order and apart from each other; all else in it is zeros. */
  readonly extents?: readonly Extent[] | undefined;
  /** There for type `file` alone. */
  readonly content?: Content | undefined;
}
