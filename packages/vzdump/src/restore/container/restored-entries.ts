import { type Accounts, type Acl, type FileEntry, resolveAclNames } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';

export interface RestoredEntriesOptions {
  /** Of this host. */
  readonly accounts: Accounts;
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Entries as tar puts them on disk with the options that `pct restore` gives it: of the extended attributes,
 * those whose names begin with `user.`; names in ACLs stand for the ids that they have here, as an id of the
 * container. (Devices of
 * `./dev` are left out where the entries are restored.)
 */
export async function* restoredEntries(
  entries: AsyncIterable<FileEntry>,
  { accounts, onWarning }: RestoredEntriesOptions,
): AsyncGenerator<FileEntry> {
  let hasWarned = false;
  const resolved = (acl: Acl | undefined) => acl && resolveAclNames(acl, accounts);
  for await (const entry of entries) {
    const { xattrs, acl, defaultAcl, path } = entry;
    if (xattrs === undefined && acl === undefined && defaultAcl === undefined) {
      yield entry;
      continue;
    }
    const kept = xattrs && new Map([...xattrs].filter(([name]) => name.startsWith('user.')));
    if (kept !== undefined && kept.size < xattrs!.size && !hasWarned) {
      hasWarned = true;
      const message = `extended attributes other than user.* are left out, first those of ${printableName(path)}`;
      onWarning?.({ code: 'TREE_LOST_XATTR', message, entry: path });
    }
    yield { ...entry, xattrs: kept, acl: resolved(acl), defaultAcl: resolved(defaultAcl) };
  }
}

/** Of a path as it is on disk: what `pct restore` leaves out. */
export function isDeviceFile(path: string): boolean {
  return path.startsWith('dev/');
}
