import type { FileEntry } from '@vzdump-format/file-tree';

/**
 * An entry of an archive, and where it is there. A hardlink has no mode, owner or time of its own: they are
 * 0.
 */
export interface PxarEntry extends FileEntry {
  /** Where it begins in the archive: at its FILENAME, the root at its ENTRY. */
  readonly archiveOffset: number;
  /** Of a hardlink: where its target begins in the archive. */
  readonly linkOffset?: number | undefined;
  /** Of a file: where its content begins, in the archive or, of a split one, in the payload stream. */
  readonly contentOffset?: number | undefined;
  /** Whether that is in the payload stream. */
  readonly inPayloadStream?: boolean | undefined;
}

/** What stands before the root. */
export interface PxarHeader {
  /** 2 if the archive may be split. */
  readonly version: 1 | 2;
  /** What a version 2 archive has behind its version. Proxmox keeps there, as JSON, what was excluded. */
  readonly prelude: Uint8Array | undefined;
}
