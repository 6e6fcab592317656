import type { OnWarning } from '@vzdump-format/streams';
import type { ExcludeRules } from '../excludes/excludes.js';
import type { IdMap } from '../metadata/id-map.js';

export interface WalkOptions {
  readonly excludes?: ExcludeRules | undefined;
  /**
   * Paths below the root, each walked by itself, in this order; the root, `''`, unless given. vzdump gives
   * tar the root, and then each mount point that is part of the backup: what is mounted there is not on the
   * root's file system.
   */
  readonly sources?: readonly string[] | undefined;
  /**
   * Whether directories on other file systems than their source are entered too. They are entries in any
   * case.
   */
  readonly allFileSystems?: boolean | undefined;
  /** Paths below the root, mount points, whose file systems are entered as the source's own is. */
  readonly includedMounts?: readonly string[] | undefined;
  /** How many levels of directories below a source are entered; all unless given. */
  readonly maxDepth?: number | undefined;
  /** Entries shall have no `content`. */
  readonly metadataOnly?: boolean | undefined;
  /** Whether proc, sysfs and the like are not entered, even with `allFileSystems`. */
  readonly skipVirtual?: boolean | undefined;
  /**
   * What other names of a file become a `hardlink`: those of anything but directories, as in tar (unless
   * given), or those of regular files, as in pxar.
   */
  readonly hardlinks?: 'all' | 'files' | undefined;
  /**
   * Whether an extended attribute is kept, by its full name; `user.*` unless given. ACLs and capabilities are
   * not among them.
   */
  readonly xattrs?: ((name: string) => boolean) | undefined;
  /** Unless given, they are kept. */
  readonly acls?: boolean | undefined;
  /** Unless given, they are kept. */
  readonly fcaps?: boolean | undefined;
  /** Whether file flags (chattr) are asked for: one more call for each file and directory. */
  readonly flags?: boolean | undefined;
  /** Whether quota projects are asked for: likewise. */
  readonly quotaProjects?: boolean | undefined;
  /** Gives the ids in the container for those on disk. */
  readonly idMap?: IdMap | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}
