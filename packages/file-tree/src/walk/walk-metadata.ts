import {
  type FileStatus,
  getFlags,
  getQuotaProject,
  getXattr,
  listXattrs,
  nativeCallsAvailable,
  type OpenDirectory,
} from '@vzdump-format/posix';
import type { Acl, AclEntry, FileEntry } from '../entry/entry.js';
import { ACCESS_ACL, DEFAULT_ACL, decodeAcl } from '../metadata/acl.js';
import { CAPABILITIES, capabilitiesInGuest } from '../metadata/capabilities.js';
import { type IdKind, type IdMap, UNMAPPED_ID } from '../metadata/id-map.js';
import type { WalkWarnings } from './walk-warnings.js';

/** Which metadata entries have, and how they show ids. */
export interface AttributeOptions {
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
}

/** An entry to which the fields of its type are still to be added. */
export type EntryInProgress = { -readonly [Field in keyof FileEntry]: FileEntry[Field] };

/** What is being looked at: by its descriptor where it is open, otherwise by its name in a directory. */
export interface FoundInode {
  readonly path: string;
  readonly status: FileStatus;
  readonly fd: number | undefined;
  readonly directory: OpenDirectory;
  readonly name: string;
}

type Attributes = Pick<EntryInProgress, 'acl' | 'defaultAcl' | 'fcaps' | 'flags' | 'quotaProject'> & {
  xattrs?: Map<string, Uint8Array>;
};

const NONE: Readonly<Attributes> = {};

/** Reads what an entry says of a file, as it is seen from within the container. */
export class MetadataReader {
  private readonly wantsXattr: (name: string) => boolean;
  private readonly wantsFlags: boolean;

  constructor(
    private readonly options: AttributeOptions,
    private readonly warnings: WalkWarnings,
  ) {
    this.wantsXattr = options.xattrs ?? ((name) => name.startsWith('user.'));
    this.wantsFlags = (options.flags || options.quotaProjects) ?? false;
  }

  /** A file's entry, without what is particular to its type. */
  describe(inode: FoundInode): EntryInProgress {
    return this.entryOf(inode, this.attributesOf(inode));
  }

  /** The entry of another name of a file that came before. */
  describeLink(inode: FoundInode, linkTarget: string): FileEntry {
    return { ...this.entryOf(inode, NONE), type: 'hardlink', linkTarget };
  }

  /** One shape for all, which is faster for those who read it. */
  private entryOf({ path, status }: FoundInode, attributes: Readonly<Attributes>): EntryInProgress {
    const { type, mode, uid, gid, mtime, links } = status;
    return {
      path,
      type,
      mode,
      uid: this.guestId('user', uid, path),
      gid: this.guestId('group', gid, path),
      mtime,
      size: 0,
      links,
      linkTarget: undefined,
      device: undefined,
      xattrs: attributes.xattrs,
      acl: attributes.acl,
      defaultAcl: attributes.defaultAcl,
      fcaps: attributes.fcaps,
      flags: attributes.flags,
      quotaProject: attributes.quotaProject,
      extents: undefined,
      content: undefined,
    };
  }

  private attributesOf(inode: FoundInode): Readonly<Attributes> {
    if (!nativeCallsAvailable()) return NONE;
    const { fd } = inode;
    const names = this.namesOf(inode);
    const readsFlags = this.wantsFlags && fd !== undefined;
    if (names.length === 0 && !readsFlags) return NONE;
    const attributes: Attributes = {};
    for (const name of names) this.tryXattr(inode, name, attributes);
    if (readsFlags) this.addFlags(fd, attributes);
    return attributes;
  }

  /** A symlink can only have attributes that are not kept unless they are asked for. */
  private namesOf({ path, status, fd, directory, name }: FoundInode): string[] {
    if (status.type === 'symlink' && this.options.xattrs === undefined) return [];
    try {
      return fd === undefined ? directory.listXattrs(name) : listXattrs(fd);
    } catch (error) {
      this.warnings.lostXattr(path, 'extended attributes', error as Error);
      return [];
    }
  }

  private tryXattr(inode: FoundInode, name: string, attributes: Attributes): void {
    try {
      this.addXattr(inode, name, attributes);
    } catch (error) {
      this.warnings.lostXattr(inode.path, name, error as Error);
    }
  }

  private addXattr(inode: FoundInode, name: string, attributes: Attributes): void {
    const { acls = true, fcaps = true } = this.options;
    if (name === ACCESS_ACL || name === DEFAULT_ACL) {
      if (acls) this.addAcl(inode, name, attributes);
    } else if (name === CAPABILITIES) {
      if (fcaps) this.addCapabilities(inode, attributes);
    } else if (this.wantsXattr(name)) {
      const value = readXattr(inode, name);
      if (value === undefined) return;
      attributes.xattrs ??= new Map();
      attributes.xattrs.set(name, value);
    }
  }

  private addAcl(inode: FoundInode, name: string, attributes: Attributes): void {
    const value = readXattr(inode, name);
    if (value === undefined) return;
    const acl = this.guestAcl(decodeAcl(value), inode.path);
    if (name === ACCESS_ACL) attributes.acl = acl;
    else attributes.defaultAcl = acl;
  }

  private addCapabilities(inode: FoundInode, attributes: Attributes): void {
    const { idMap } = this.options;
    const value = readXattr(inode, CAPABILITIES);
    if (value === undefined) return;
    const seen = idMap === undefined ? value : capabilitiesInGuest(value, idMap);
    if (seen === undefined) this.warnings.lostToIdMap('TREE_CAPABILITIES_UNMAPPED', inode.path);
    else attributes.fcaps = seen;
  }

  private addFlags(fd: number, attributes: Attributes): void {
    if (this.options.flags) attributes.flags = getFlags(fd);
    if (this.options.quotaProjects) attributes.quotaProject = getQuotaProject(fd) || undefined; // 0 is none
  }

  private guestId(kind: IdKind, id: number, path: string): number {
    const { idMap } = this.options;
    if (idMap === undefined) return id;
    const guest = idMap.toGuest(kind, id);
    if (guest === undefined) this.warnings.lostToIdMap('TREE_ID_UNMAPPED', path);
    return guest ?? UNMAPPED_ID;
  }

  /** What an ACL grants to those outside is lost: 65534 may be somebody in the container. */
  private guestAcl(acl: Acl, path: string): Acl {
    const { idMap } = this.options;
    if (idMap === undefined) return acl;
    const mapped = acl.flatMap((entry): AclEntry[] => {
      const { tag, id, permissions } = entry;
      if (id === undefined) return [entry];
      const guest = idMap.toGuest(tag === 'user' ? 'user' : 'group', id);
      return guest === undefined ? [] : [{ tag, id: guest, permissions }];
    });
    if (mapped.length < acl.length) this.warnings.lostToIdMap('TREE_ACL_UNMAPPED', path);
    return mapped;
  }
}

/** `undefined` when it is gone meanwhile. */
function readXattr({ fd, directory, name }: FoundInode, attribute: string): Buffer | undefined {
  return fd === undefined ? directory.getXattr(name, attribute) : getXattr(fd, attribute);
}
