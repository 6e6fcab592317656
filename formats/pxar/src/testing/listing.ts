import type { Acl, FileEntry } from '@vzdump-format/file-tree';
import { pathToBytes } from '@vzdump-format/posix';
import type { PxarListing } from '@vzdump-format/test-vectors';
import { collect, sha256 } from '@vzdump-format/testing';
import { FILE_TYPE, ITEM_HEADER_SIZE } from '../format.js';
import { toPxarFlags } from '../metadata.js';
import type { PxarEntry, PxarHeader } from '../read/entry-reader.js';

/** All bytes of an entry's content. */
export async function contentOf({ content }: FileEntry): Promise<Uint8Array> {
  if (content === undefined) return new Uint8Array(0);
  return content instanceof Uint8Array ? Uint8Array.from(content) : collect(content);
}

/** What the crate lists before the root. */
export function headerListing(header: PxarHeader, hasVersionItem: boolean): PxarListing[] {
  if (!hasVersionItem) return [];
  const version: PxarListing = { path_hex: '2f', type: 'version', version: `Version${header.version}` };
  if (header.prelude === undefined) return [version];
  const prelude_hex = Buffer.from(header.prelude).toString('hex');
  return [version, { path_hex: '2f', type: 'prelude', prelude_hex }];
}

/** An entry as the crate lists it. */
export async function listingOf(entry: PxarEntry, isSplit: boolean): Promise<PxarListing> {
  const path_hex = pathToBytes(`/${entry.path}`).toString('hex');
  if (entry.type === 'hardlink') {
    const link_offset = entry.archiveOffset - entry.linkOffset!;
    return { path_hex, type: 'hardlink', ...target(entry), link_offset };
  }
  const type = entry.type === 'directory' ? 'dir' : entry.type;
  const seconds = BigInt.asIntN(64, (entry.mtime - BigInt(nanoseconds(entry.mtime))) / 1_000_000_000n);
  return {
    path_hex,
    type,
    mode: (FILE_TYPE[entry.type] | entry.mode).toString(8),
    flags: `0x${toPxarFlags(entry.flags ?? 0).toString(16)}`,
    uid: entry.uid,
    gid: entry.gid,
    mtime_secs: String(seconds),
    mtime_nanos: nanoseconds(entry.mtime),
    ...(entry.type === 'file' ? { size: entry.size, sha256: sha256(await contentOf(entry)) } : {}),
    ...(entry.type === 'file' && isSplit ? { payload_offset: entry.contentOffset! - ITEM_HEADER_SIZE } : {}),
    ...(entry.device ?? {}),
    ...(entry.linkTarget === undefined ? {} : target(entry)),
    ...(entry.fcaps ? { fcaps_hex: Buffer.from(entry.fcaps).toString('hex') } : {}),
    ...(entry.xattrs ? { xattrs: [...entry.xattrs].map(xattrListing) } : {}),
    ...(entry.acl || entry.defaultAcl ? { acl: aclListing(entry) } : {}),
  };
}

function nanoseconds(time: bigint): number {
  return Number(((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
}

function target({ linkTarget }: FileEntry): { target_hex: string } {
  return { target_hex: pathToBytes(linkTarget!).toString('hex') };
}

function xattrListing([name, value]: readonly [string, Uint8Array]) {
  return { name_hex: pathToBytes(name).toString('hex'), value_hex: Buffer.from(value).toString('hex') };
}

function aclListing({ acl = [], defaultAcl = [] }: FileEntry): NonNullable<PxarListing['acl']> {
  const one = (from: Acl, tag: string) => from.find((entry) => entry.tag === tag)?.permissions;
  const named = (from: Acl, tag: string) => from.filter((entry) => entry.tag === tag);
  const users = (from: Acl) =>
    named(from, 'user').map((entry) => ({ uid: entry.id!, perm: entry.permissions }));
  const groups = (from: Acl) =>
    named(from, 'group').map((entry) => ({ gid: entry.id!, perm: entry.permissions }));
  const userObject = one(defaultAcl, 'user-object');
  return {
    users: users(acl),
    groups: groups(acl),
    ...(one(acl, 'mask') === undefined ? {} : { group_obj: one(acl, 'group-object')! }),
    ...(userObject === undefined
      ? {}
      : {
          default: {
            user_obj: userObject,
            group_obj: one(defaultAcl, 'group-object')!,
            other: one(defaultAcl, 'other')!,
            mask: one(defaultAcl, 'mask') ?? ('none' as const),
          },
        }),
    default_users: users(defaultAcl),
    default_groups: groups(defaultAcl),
  };
}

/** The crate's listing without what says the same in another way. */
export function comparable(listing: PxarListing): object {
  const { path, target, xattrs, ...rest } = listing as PxarListing & { path?: string; target?: string };
  if (xattrs === undefined) return rest;
  return { ...rest, xattrs: xattrs.map(({ name_hex, value_hex }) => ({ name_hex, value_hex })) };
}
