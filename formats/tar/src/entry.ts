import type { FileEntry } from '@vzdump-format/file-tree';

/** A member of a tar archive. */
export interface TarEntry extends FileEntry {
  /** The name as it stands in the archive: `./etc/hosts`, `./etc/`. */
  readonly storedName: string;
  /** Likewise; empty where there is none. */
  readonly storedLinkName: string;
  /** The type as it stands in the archive: one character, see `TYPE`. */
  readonly storedType: string;
  /** The mode as it stands in the archive: bsdtar puts another one beside an ACL than the system has. */
  readonly storedMode: number;
  /** Empty where the archive has numbers alone. */
  readonly userName: string;
  readonly groupName: string;
  /** In nanoseconds since the epoch. */
  readonly atime?: bigint | undefined;
  readonly ctime?: bigint | undefined;
  /** Where in the archive its first header stands. */
  readonly headerOffset: number;
  /** Where in the archive its content stands: of a sparse file, the data of its extents. */
  readonly contentOffset: number;
  /** Bytes of content in the archive: for a file without `extents`, its size. */
  readonly storedSize: number;
}
