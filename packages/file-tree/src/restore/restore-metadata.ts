import { getFlags, printableName, setFlags, setQuotaProject } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { Acl, AclEntry, FileEntry } from '../entry/entry.js';
import { ACCESS_ACL, type Accounts, DEFAULT_ACL, encodeAcl, isNamed } from '../metadata/acl.js';
import { CAPABILITIES, capabilitiesOnHost } from '../metadata/capabilities.js';
import type { IdKind, IdMap } from '../metadata/id-map.js';
import type { FreshFile } from './restore-directory-state.js';
import type { Inode, Owner } from './restore-inode.js';
import type { Losses } from './restore-losses.js';

const PERMISSIONS = 0o777;
const SETUID = 0o4000;
const SETGID = 0o2000;
/** One less than what chown(2) takes for 'leave it as it is'. */
const LAST_ID = 0xffff_fffe;

// Bits of chattr(1), <linux/fs.h>. All others are the file system's own.
/** c, C, and no compression: they decide how content is stored, and so are set before there is any. */
const FLAGS_BEFORE_CONTENT = [0x4, 0x80_0000, 0x400];
/** s, u, S, d, A, j, t, D, T, P; and a and i last, after which nothing more can be changed. */
const FLAGS_AFTERWARDS = [
  0x1, 0x2, 0x8, 0x40, 0x80, 0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x2000_0000, 0x20, 0x10,
];

export interface MetadataOptions {
  /** `lost`: left as it is, and counted as a loss where that is not what the entry says. */
  readonly owner: 'set' | 'lost' | 'ignore';
  readonly idMap?: IdMap | undefined;
  readonly accounts?: Accounts | undefined;
}

/** Gives files what their entries say of them, and counts what cannot be given. */
export class MetadataWriter {
  constructor(
    private readonly options: MetadataOptions,
    private readonly losses: Losses,
  ) {}

  /**
   * Everything but the flags, in the one order in which nothing undoes another: a change of owner clears
   * setuid and capabilities, an ACL changes the mode, and all of them the times.
   */
  give(inode: Inode, entry: FileEntry, fresh: FreshFile): void {
    const { path } = entry;
    const owner = this.giveOwner(inode, entry, fresh.owner);
    if (entry.xattrs !== undefined) this.giveXattrs(inode, entry.xattrs, path);
    let { mode } = entry;
    if (entry.acl !== undefined) {
      if (!this.giveAcl(inode, entry, ACCESS_ACL, entry.acl)) mode = modeWithoutAcl(mode, entry.acl);
    } else if (fresh.hasAcl && entry.type !== 'symlink') {
      removeAcl(inode, ACCESS_ACL);
    }
    if (entry.defaultAcl !== undefined) this.giveAcl(inode, entry, DEFAULT_ACL, entry.defaultAcl);
    if (entry.fcaps !== undefined) this.giveCapabilities(inode, entry.fcaps, path);
    if (entry.quotaProject) this.giveQuotaProject(inode, entry.quotaProject, path);
    if (entry.type !== 'symlink') this.giveMode(inode, entry, mode, owner);
    this.giveTime(inode, entry);
  }

  /** Whether a new file that was made with the mode of its entry lacks nothing but its time. */
  isPlain(entry: FileEntry, fresh: FreshFile | undefined): boolean {
    return (
      fresh !== undefined &&
      !fresh.hasAcl &&
      this.options.idMap === undefined &&
      entry.uid === fresh.owner.uid &&
      entry.gid === fresh.owner.gid &&
      (entry.mode & PERMISSIONS) === entry.mode &&
      entry.xattrs === undefined &&
      entry.acl === undefined &&
      entry.defaultAcl === undefined &&
      entry.fcaps === undefined &&
      !entry.quotaProject &&
      !entry.flags
    );
  }

  giveTime(inode: Inode, entry: FileEntry): void {
    try {
      inode.setModified(entry.mtime);
    } catch (error) {
      this.losses.addError('times', entry.path, error);
    }
  }

  giveFlagsBeforeContent(inode: Inode, entry: FileEntry): void {
    if (entry.flags) this.giveFlags(inode, entry.flags, FLAGS_BEFORE_CONTENT, entry.path);
  }

  /** The last of all: what is immutable cannot even be given a name. */
  giveFlagsAfterwards(inode: Inode, entry: FileEntry): void {
    if (entry.flags) this.giveFlags(inode, entry.flags, FLAGS_AFTERWARDS, entry.path);
  }

  /** @returns who owns it then */
  private giveOwner(inode: Inode, entry: FileEntry, now: Owner): Owner {
    const { path } = entry;
    const uid = this.hostId('user', entry.uid);
    const gid = this.hostId('group', entry.gid);
    const wanted = { uid: uid ?? now.uid, gid: gid ?? now.gid };
    const { owner } = this.options;
    if (owner !== 'ignore' && (uid === undefined || gid === undefined)) {
      this.losses.add('owner', path, `no such id here as ${entry.uid}:${entry.gid}`);
    }
    if (wanted.uid === now.uid && wanted.gid === now.gid) return now;
    if (owner === 'lost') this.losses.add('owner', path);
    if (owner !== 'set') return now;
    try {
      inode.setOwner(wanted.uid, wanted.gid);
      return wanted;
    } catch (error) {
      this.losses.addError('owner', path, error);
      return now;
    }
  }

  /**
   * Setuid and setgid are for the owner in the archive. To give them to whoever restores would let others act
   * as that user. On a directory setgid gives nobody anything.
   */
  private giveMode(inode: Inode, entry: FileEntry, mode: number, owner: Owner): void {
    const { path, type, uid, gid } = entry;
    let given = mode & 0o7777;
    if (given & SETUID && owner.uid !== this.hostId('user', uid)) given &= ~SETUID;
    if (given & SETGID && type !== 'directory' && owner.gid !== this.hostId('group', gid)) given &= ~SETGID;
    if (given !== (mode & 0o7777)) this.losses.add('set-id', path);
    try {
      inode.setMode(given);
    } catch (error) {
      this.losses.addError('mode', path, error);
    }
  }

  private giveXattrs(inode: Inode, xattrs: ReadonlyMap<string, Uint8Array>, path: string): void {
    for (const [name, value] of xattrs) {
      if (!this.mayGive(name)) {
        this.losses.add('xattr', path, `${printableName(name)} is not taken from an archive`);
        continue;
      }
      try {
        inode.setXattr(name, value);
      } catch (error) {
        const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'; // ext4 has one block for them
        if (full) this.losses.add('xattr', path, `no space for ${printableName(name)}`);
        else this.losses.addError('xattr', path, error);
      }
    }
  }

  /**
   * ACLs and capabilities hold ids, and have fields of their own, so that those are mapped. What is in a
   * container gets what it could give itself: other attributes would have a meaning for the host.
   */
  private mayGive(name: string): boolean {
    if (name === CAPABILITIES || name.startsWith('system.')) return false;
    return this.options.idMap === undefined || name.startsWith('user.');
  }

  /** @returns whether the file has an ACL then */
  private giveAcl(inode: Inode, { path, mode }: FileEntry, attribute: string, wanted: Acl): boolean {
    const { acl, lost } = hostAcl(wanted, mode, (kind, entry) => this.aclId(kind, entry));
    if (lost > 0) this.losses.add('acl', path, `${lost} of its users and groups are not known here`);
    try {
      inode.setXattr(attribute, encodeAcl(acl));
      return true;
    } catch (error) {
      if (error instanceof ArchiveError) this.losses.add('acl', path, error.message);
      else this.losses.addError('acl', path, error);
      return false;
    }
  }

  private giveCapabilities(inode: Inode, value: Uint8Array, path: string): void {
    const { idMap } = this.options;
    const host = idMap === undefined ? value : capabilitiesOnHost(value, idMap);
    if (host === undefined) this.losses.add('capabilities', path, 'they have no meaning on this host');
    else this.losses.attempt('capabilities', path, () => inode.setXattr(CAPABILITIES, host));
  }

  private giveQuotaProject({ fd }: Inode, project: number, path: string): void {
    if (fd === undefined) this.losses.add('quota-project', path);
    else this.losses.attempt('quota-project', path, () => setQuotaProject(fd, project));
  }

  /** Sets those of the bits that are wanted, and clears none: a directory may have given them. */
  private giveFlags({ fd }: Inode, wanted: number, bits: readonly number[], path: string): void {
    for (const bit of bits.filter((each) => wanted & each)) {
      this.losses.attempt('flags', path, () => {
        const present = fd === undefined ? undefined : getFlags(fd);
        if (fd === undefined || present === undefined) this.losses.add('flags', path, 'there are none here');
        else if (!(present & bit)) setFlags(fd, present | bit);
      });
    }
  }

  /** An account of this system has an id of this system. */
  private aclId(kind: IdKind, { id, name }: AclEntry): number | undefined {
    if (id !== undefined) return this.hostId(kind, id);
    return name === undefined ? undefined : this.options.accounts?.idOf(kind, name);
  }

  private hostId(kind: IdKind, id: number): number | undefined {
    const { idMap } = this.options;
    const host = idMap === undefined ? id : idMap.toHost(kind, id);
    return host !== undefined && Number.isInteger(host) && host >= 0 && host <= LAST_ID ? host : undefined;
  }
}

/** Takes away what a new file has from its directory. */
export function removeAcl(inode: Inode, attribute: string): void {
  try {
    inode.removeXattr(attribute);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENODATA') throw error;
  }
}

/** The id on this system of a user or group of an ACL; `undefined` when there is none. */
type AclIds = (kind: IdKind, entry: AclEntry) => number | undefined;

interface HostAcl {
  readonly acl: Acl;
  /** Entries for users and groups that this system does not know, which are not in it. */
  readonly lost: number;
}

/**
 * An ACL as this system can take it: with ids of its own, and with the entries that none may be without,
 * which some formats leave to the file's mode.
 */
function hostAcl(acl: Acl, mode: number, idOf: AclIds): HostAcl {
  const entries: AclEntry[] = [];
  let lost = 0;
  for (const entry of acl) {
    const { tag, permissions } = entry;
    if (!isNamed(tag)) {
      entries.push({ tag, permissions });
      continue;
    }
    const id = idOf(tag, entry);
    if (id === undefined) lost++;
    else entries.push({ tag, id, permissions });
  }
  const has = (...tags: AclEntry['tag'][]) => entries.some(({ tag }) => tags.includes(tag));
  if (!has('user-object')) entries.push({ tag: 'user-object', permissions: (mode >> 6) & 7 });
  if (!has('group-object')) entries.push({ tag: 'group-object', permissions: (mode >> 3) & 7 });
  if (!has('other')) entries.push({ tag: 'other', permissions: mode & 7 });
  if (!has('mask') && has('user', 'group')) entries.push({ tag: 'mask', permissions: (mode >> 3) & 7 });
  return { acl: entries, lost };
}

/**
 * The mode of a file that could not get its ACL: its group bits were the ACL's mask, the most that any user
 * or group of it may do. What is left to the group is what the ACL gave the group itself.
 */
function modeWithoutAcl(mode: number, acl: Acl): number {
  const group = acl.find(({ tag }) => tag === 'group-object')?.permissions ?? 7;
  return mode & ~((~group & 7) << 3);
}
