import { configContent } from '@vzdump-format/archives';
import { type Accounts, type Acl, type FileEntry, resolveAclNames } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { LXC_CONFIG_NAME, LXC_FIREWALL_NAME } from '@vzdump-format/pve';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';

const CONFIG_PATH = LXC_CONFIG_NAME.slice('./'.length);
const FIREWALL_PATH = LXC_FIREWALL_NAME.slice('./'.length);
/** What other guests' archives begin with. */
const FOREIGN: Readonly<Record<string, string>> = {
  'qemu-server.conf': 'a virtual machine of Proxmox VE 1',
  'etc/vzdump/vps.conf': 'a container of OpenVZ',
};

/**
 * The entries of a container's archive, without the two files that vzdump put there itself: they are kept
 * apart, and never come to be in the container. vzdump's own come first, so of each the first one counts: a
 * later one is a guest's.
 */
export class ArchivedFiles {
  /** `pct.conf`, once it has come. */
  config: Uint8Array | undefined;
  /** `pct.fw`, once it has come, unless it is empty. */
  firewall: Uint8Array | undefined;
  private readonly seen = new Set<string>();
  private first: FileEntry | undefined;

  private constructor(private readonly entries: AsyncIterator<FileEntry>) {}

  /**
   * Reads the first entry, which is the configuration in vzdump's archives. @throws `RESTORE_FOREIGN`,
   * `CONFIG_SIZE`
   */
  static async open(entries: AsyncIterable<FileEntry>): Promise<ArchivedFiles> {
    const files = new ArchivedFiles(entries[Symbol.asyncIterator]());
    const first = await files.entries.next();
    if (first.done) return files;
    const foreign = Object.hasOwn(FOREIGN, first.value.path) ? FOREIGN[first.value.path] : undefined;
    if (foreign !== undefined) {
      throw new ArchiveError('RESTORE_FOREIGN', `the archive holds ${foreign}, which cannot be restored`, {
        hint: 'unpack takes it apart',
      });
    }
    if (!(await files.take(first.value))) files.first = first.value;
    return files;
  }

  /** All other entries, once. */
  async *rest(): AsyncGenerator<FileEntry> {
    try {
      if (this.first !== undefined) yield this.first;
      for (let next = await this.entries.next(); !next.done; next = await this.entries.next()) {
        if (!(await this.take(next.value))) yield next.value;
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.entries.return?.();
  }

  /** @returns whether it is one of vzdump's own, or in their place */
  private async take(entry: FileEntry): Promise<boolean> {
    const { path } = entry;
    if (path !== CONFIG_PATH && path !== FIREWALL_PATH) return false;
    if (this.seen.has(path)) return true;
    this.seen.add(path);
    if (entry.type !== 'file') return true;
    const bytes = await configContent(entry);
    if (path === CONFIG_PATH) this.config = bytes;
    else if (bytes.length > 0) this.firewall = bytes;
    return true;
  }
}

interface RestoredEntriesOptions {
  /** Of this host. */
  readonly accounts: Accounts;
  readonly onWarning?: OnWarning | undefined;
}

/**
 * Entries as tar puts them on disk with the options that `pct restore` gives it: of the extended attributes,
 * those whose names begin with `user.`; names in ACLs stand for the ids that they have here, as an id of the
 * container. (Devices of `./dev` are left out where the entries are restored.)
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
