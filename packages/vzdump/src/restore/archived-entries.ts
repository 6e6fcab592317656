import { configContent } from '@vzdump-format/archives';
import { type Accounts, type Acl, type FileEntry, resolveAclNames } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { LXC_CONFIG_NAME, LXC_FIREWALL_NAME } from '@vzdump-format/pve';
import { ArchiveError, type OnWarning, PullIterator } from '@vzdump-format/streams';

const CONFIG_PATH = LXC_CONFIG_NAME.slice('./'.length);
const FIREWALL_PATH = LXC_FIREWALL_NAME.slice('./'.length);
/** The files that archives of other systems begin with. */
const FOREIGN: Readonly<Record<string, string>> = {
  'qemu-server.conf': 'a virtual machine of Proxmox VE 1',
  'etc/vzdump/vps.conf': 'a container of OpenVZ',
};

/**
 * The entries of a container's archive, without the two files that vzdump put there itself, which are kept
 * apart and never restored into the container. vzdump's own come first, so the first of each counts, and a
 * later one is the guest's.
 */
export class ArchivedFiles {
  /** `pct.conf`, once it has come. */
  config: Uint8Array | undefined;
  /** `pct.fw`, once it has come, unless it is empty. */
  firewall: Uint8Array | undefined;
  private readonly seen = new Set<string>();

  private constructor(private readonly entries: PullIterator<FileEntry>) {}

  /**
   * Reads the first entry, which is the configuration in vzdump's archives. @throws `RESTORE_FOREIGN`,
   * `CONFIG_SIZE`
   */
  static async open(entries: AsyncIterable<FileEntry>): Promise<ArchivedFiles> {
    const files = new ArchivedFiles(PullIterator.of(entries));
    const first = await files.entries.peek();
    if (first === undefined) return files;
    const foreign = Object.hasOwn(FOREIGN, first.path) ? FOREIGN[first.path] : undefined;
    if (foreign !== undefined) {
      throw new ArchiveError('RESTORE_FOREIGN', `the archive holds ${foreign}, which cannot be restored`, {
        hint: 'unpack takes it apart',
      });
    }
    if (await files.take(first)) files.entries.pull(); // which passes over it
    return files;
  }

  /** All other entries, once. */
  async *rest(): AsyncGenerator<FileEntry> {
    for await (const entry of this.entries) if (!(await this.take(entry))) yield entry;
  }

  async close(): Promise<void> {
    await this.entries.close();
  }

  /** @returns whether it is one of vzdump's own files, or has the path of one */
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
 * Entries as tar puts them on disk with the options that `pct restore` gives it: of the extended
 * attributes, those whose names begin with `user.`; names in ACLs stand for the ids that they have on this
 * host, taken as ids of the container. (Devices of `./dev` are left out where the entries are restored.)
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

/** Whether `pct restore` leaves out what has this path on disk. */
export function isDeviceFile(path: string): boolean {
  return path.startsWith('dev/');
}

/** A volume of a container, and what takes the entries that belong there. */
export interface MountTarget {
  /** Where it is mounted, as entries' paths are written; empty for the root. */
  readonly path: string;
  /** The paths that it gets are below the mount point. */
  readonly restore: (entries: AsyncIterable<FileEntry>) => Promise<void>;
}

/**
 * Routes each entry of a container to the volume that its path belongs in: nothing has to be mounted within
 * another volume for that, and no name in one can lead into another. In the volume around it, a mount point
 * is an empty directory, which is made in the end unless it is there.
 * @param targets the volumes, one of them for the root
 * @throws what `entries` or a target throws, when all targets have ended
 */
export async function routeEntries(
  entries: AsyncIterable<FileEntry>,
  targets: readonly MountTarget[],
  onWarning?: OnWarning,
): Promise<void> {
  const routes = targets.map((target) => new Route(target));
  const runs = routes.map((route) => route.run());
  const failure = Promise.race(runs.map((run) => run.then(() => new Promise<never>(() => {}))));
  failure.catch(() => {}); // awaited below
  const router = new Router(routes, failure, onWarning);
  try {
    for await (const entry of entries) await router.route(entry);
    await router.routeMountPoints();
    for (const route of routes) route.entries.end();
  } catch (error) {
    for (const route of routes) route.entries.fail(error);
    await Promise.allSettled(runs);
    throw error;
  }
  const results = await Promise.allSettled(runs);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

class Route {
  readonly entries = new EntryChannel();

  constructor(private readonly target: MountTarget) {}

  get path(): string {
    return this.target.path;
  }

  run(): Promise<void> {
    return this.target.restore(this.entries);
  }

  has(path: string): boolean {
    return this.path === '' || path === this.path || path.startsWith(`${this.path}/`);
  }

  /** The path below the mount point. */
  below(path: string): string {
    return this.path === '' ? path : path.slice(this.path.length + 1);
  }
}

class Router {
  /** The longest path first: an entry belongs in the innermost volume that has its path. */
  private readonly routes: readonly Route[];
  private lostLinks = 0;

  constructor(
    routes: readonly Route[],
    private readonly failure: Promise<never>,
    private readonly onWarning: OnWarning | undefined,
  ) {
    this.routes = routes.toSorted((one, other) => other.path.length - one.path.length);
  }

  async route(entry: FileEntry): Promise<void> {
    const route = this.routeOf(entry.path);
    const path = route.below(entry.path);
    if (entry.type !== 'hardlink') return this.offer(route, { ...entry, path });
    const linkTarget = entry.linkTarget ?? '';
    if (this.routeOf(linkTarget) !== route) return this.loseLink(entry);
    return this.offer(route, { ...entry, path, linkTarget: route.below(linkTarget) });
  }

  /** The innermost come last. */
  async routeMountPoints(): Promise<void> {
    for (const { path } of this.routes.toReversed()) {
      if (path === '') continue;
      const around = this.routes.find((route) => route.path !== path && route.has(path))!;
      await this.offer(around, {
        ...{ path: around.below(path), type: 'directory', size: 0 },
        ...{ mode: 0o755, uid: 0, gid: 0, mtime: BigInt(Date.now()) * 1_000_000n },
      });
    }
  }

  private routeOf(path: string): Route {
    return this.routes.find((route) => route.has(path))!;
  }

  /** `failure` also tells of a target that is gone, and would never take the entry. */
  private async offer(route: Route, entry: FileEntry): Promise<void> {
    await Promise.race([route.entries.offer(entry), this.failure]);
  }

  private loseLink({ path, linkTarget = '' }: FileEntry): void {
    this.lostLinks++;
    if (this.lostLinks > 1) return;
    this.onWarning?.({
      code: 'TREE_LOST_HARDLINK',
      message: `hard link not made: ${printableName(path)} to ${printableName(linkTarget)}, which is in another volume now; likewise any others`,
      entry: path,
    });
  }
}

/** Hands entries to one who iterates over them: each is taken when the one before has been dealt with. */
class EntryChannel implements AsyncIterable<FileEntry> {
  private asked: ((result: IteratorResult<FileEntry> | Promise<never>) => void) | undefined;
  private done: (() => void) | undefined;
  private waiting: IteratorResult<FileEntry> | Promise<never> | undefined;

  /** Resolves when the entry has been dealt with. */
  offer(entry: FileEntry): Promise<void> {
    return new Promise((resolve) => {
      this.done = resolve;
      this.give({ done: false, value: entry });
    });
  }

  end(): void {
    this.give({ done: true, value: undefined });
  }

  /** Whoever iterates gets the error. */
  fail(error: unknown): void {
    const failure = Promise.reject(error);
    failure.catch(() => {}); // it may be that nobody asks any more
    this.give(failure);
  }

  [Symbol.asyncIterator](): AsyncIterator<FileEntry> {
    return {
      next: () => {
        this.done?.();
        this.done = undefined;
        return new Promise((resolve) => {
          this.asked = resolve;
          if (this.waiting !== undefined) this.give(this.waiting);
        });
      },
    };
  }

  private give(result: IteratorResult<FileEntry> | Promise<never>): void {
    const { asked } = this;
    this.waiting = asked === undefined ? result : undefined;
    this.asked = undefined;
    asked?.(result);
  }
}
