import type { FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';

/** A volume of a container, and what takes the entries that belong there. */
export interface MountTarget {
  /** Where it is mounted, as entries' paths are written; empty for the root. */
  readonly path: string;
  /** The paths that it gets are below the mount point. */
  readonly restore: (entries: AsyncIterable<FileEntry>) => Promise<void>;
}

/**
 * Deals the entries of a container out to its volumes, by their paths: nothing has to be mounted within
 * another for that, and no name in one volume can lead into another. In the volume around it, a mount point
 * is an empty directory, which is made in the end unless it is there.
 * @param targets one of them for the root
 * @throws what `entries` or a target throws, when all targets have ended
 */
export async function routeEntries(
  entries: AsyncIterable<FileEntry>,
  targets: readonly MountTarget[],
  onWarning?: OnWarning,
): Promise<void> {
  const lanes = targets.map((target) => new Lane(target));
  const runs = lanes.map((lane) => lane.run());
  const failure = Promise.race(runs.map((run) => run.then(() => new Promise<never>(() => {}))));
  failure.catch(() => {}); // awaited below
  const dealer = new Dealer(lanes, failure, onWarning);
  try {
    for await (const entry of entries) await dealer.deal(entry);
    await dealer.dealMountPoints();
    for (const lane of lanes) lane.entries.end();
  } catch (error) {
    for (const lane of lanes) lane.entries.fail(error);
    await Promise.allSettled(runs);
    throw error;
  }
  const results = await Promise.allSettled(runs);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

class Lane {
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

class Dealer {
  /** The longest first: the innermost that has a path is where it belongs. */
  private readonly lanes: readonly Lane[];
  private lostLinks = 0;

  constructor(
    lanes: readonly Lane[],
    private readonly failure: Promise<never>,
    private readonly onWarning: OnWarning | undefined,
  ) {
    this.lanes = lanes.toSorted((one, other) => other.path.length - one.path.length);
  }

  async deal(entry: FileEntry): Promise<void> {
    const lane = this.laneOf(entry.path);
    const path = lane.below(entry.path);
    if (entry.type !== 'hardlink') return this.offer(lane, { ...entry, path });
    const linkTarget = entry.linkTarget ?? '';
    if (this.laneOf(linkTarget) !== lane) return this.loseLink(entry);
    return this.offer(lane, { ...entry, path, linkTarget: lane.below(linkTarget) });
  }

  /** Those within others last. */
  async dealMountPoints(): Promise<void> {
    for (const { path } of this.lanes.toReversed()) {
      if (path === '') continue;
      const around = this.lanes.find((lane) => lane.path !== path && lane.has(path))!;
      await this.offer(around, {
        ...{ path: around.below(path), type: 'directory', size: 0 },
        ...{ mode: 0o755, uid: 0, gid: 0, mtime: BigInt(Date.now()) * 1_000_000n },
      });
    }
  }

  private laneOf(path: string): Lane {
    return this.lanes.find((lane) => lane.has(path))!;
  }

  /** `failure` also tells of a target that is gone, and would never take the entry. */
  private async offer(lane: Lane, entry: FileEntry): Promise<void> {
    await Promise.race([lane.entries.offer(entry), this.failure]);
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

/** Hands entries to one who iterates over them: the next one is taken once the one before is done with. */
class EntryChannel implements AsyncIterable<FileEntry> {
  private asked: ((result: IteratorResult<FileEntry> | Promise<never>) => void) | undefined;
  private done: (() => void) | undefined;
  private waiting: IteratorResult<FileEntry> | Promise<never> | undefined;

  /** Resolves when the entry is done with. */
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
