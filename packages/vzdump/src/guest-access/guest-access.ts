import type { DriveSpec } from '@vzdump-format/archives';
import type { DirectoryTree } from '@vzdump-format/file-tree';
import type { DriveMapEntry, Guest, GuestConfig, StorageConfig } from '@vzdump-format/pve';

/**
 * How a guest's data is come by, so that what is read does not change meanwhile. Each way is a `GuestAccess`:
 * the disks of a virtual machine that is stopped, a container that is stopped for it, frozen, or read from a
 * snapshot. Whoever backs a guest up calls
 *
 *     const prepared = await access.prepare(context);   // looks, and changes nothing
 *     …                                                 // hook backup-start
 *     const data = await prepared.open();               // stops the guest, copies, makes a snapshot, mounts
 *     …                                                 // the archive is made of it; hook backup-end
 *     await prepared.release();                         // unmounts, removes the snapshot, starts the guest
 *
 * and `release` in any case once `prepare` has succeeded, also when `open` failed half-way or was never
 * called.
 */

/** What happens to a running guest meanwhile. One that does not run is backed up in the mode `stop`. */
export type BackupMode = 'snapshot' | 'suspend' | 'stop';

/** The steps that hook scripts are told of by the way in which a guest is accessed. */
export type AccessPhase =
  /** Before the guest is stopped, or frozen; for a snapshot in any case. */
  | 'pre-stop'
  /** Before it is started, or thawed; for a snapshot, after that was made. */
  | 'pre-restart'
  /** After it was started, or thawed. */
  | 'post-restart';

/** Lines of the guest's log, without `INFO: ` and the like in front. A line break in one makes several. */
export interface GuestLog {
  info(message: string): void;
  /** What the job's outcome tells of, though it goes on. */
  warn(message: string): void;
  error(message: string): void;
}

/** What can be done with the guests of one type; an option of `dump` replaces it. */
export interface GuestMethods {
  /** @param images of a virtual machine's drives, by their paths */
  isRunning(guest: Guest, images: readonly string[], signal?: AbortSignal): Promise<boolean>;
  /**
   * How a guest is accessed: one that runs in the mode asked for, another in the mode `stop`.
   * @throws `GUEST_RUNNING` when there is no way, with a hint
   */
  access(guest: Guest, mode: BackupMode, isRunning: boolean): GuestAccess;
}

export interface GuestContext {
  readonly guest: Guest;
  /** As it was when the backup began, without the lock that the backup itself has put there. */
  readonly config: GuestConfig;
  readonly isRunning: boolean;
  readonly storages: StorageConfig;
  /** The name of this node. */
  readonly node: string;
  /** An empty directory, which is removed with all that is in it after `release`. */
  readonly temporaryDirectory: string;
  /** Patterns of what is left out of a container's backup, as `gnuTarExcludes` takes them. */
  readonly excludePatterns: readonly string[];
  /** In KiB/s; 0 = unlimited. */
  readonly bandwidthLimit: number;
  /** How many minutes a guest may take to shut down. */
  readonly stopWait: number;
  readonly log: GuestLog;
  /**
   * Calls the hook script. @throws `HOOK_SCRIPT` when that fails: the backup of this guest ends, unless in
   * `release`
   */
  phase(name: AccessPhase): Promise<void>;
  readonly signal: AbortSignal | undefined;
}

export interface GuestAccess {
  /** As the log and hook scripts are told. */
  readonly mode: BackupMode;
  /**
   * Finds out what is to be read, tells the log of it (`include disk …`, `including mount point …`), and
   * checks that it can be read in this way. What it does is undone by `release` of what it gives, or by
   * itself when it throws.
   * @throws `MODE_UNSUPPORTED` when another mode may do: of a snapshot, `mode failure - …`
   */
  prepare(context: GuestContext): Promise<PreparedGuest>;
}

/** A guest about to be read. Each of the calls is made once at most. */
export interface PreparedGuest {
  /** Brings the guest into the state in which it can be read, with the hook phases in between. */
  open(): Promise<GuestData>;
  /**
   * Puts everything back, the guest's running included; its signal is not heeded. What does not succeed goes
   * to the log as a warning: it never throws.
   */
  release(): Promise<void>;
}

/** What there is to read, until `release`. */
export type GuestData = DiskData | TreeData;

/** Of a virtual machine. */
export interface DiskData {
  readonly kind: 'disks';
  /** In the order of the archive's devices; none at all of a machine without disks. */
  readonly drives: readonly GuestDrive[];
}

export interface GuestDrive extends DriveSpec {
  /** For the configuration in the archive. */
  readonly mapEntry: DriveMapEntry;
}

/** Of a container. */
export interface TreeData {
  readonly kind: 'tree';
  /**
   * Each of its sources is read as far as its own file system goes: the root's, and further mount points'.
   */
  readonly tree: DirectoryTree;
  /** Whether it is rsync's copy, which lacks what the patterns exclude. */
  readonly isCopy: boolean;
}

/** Undoes what has been done, in reverse order. */
export class UndoStack {
  private readonly steps: (() => Promise<void>)[] = [];

  /** To be called as soon as there is something to undo, so before what may fail half-way. */
  defer(step: () => Promise<void>): void {
    this.steps.push(step);
  }

  /** Undoes everything, whatever fails meanwhile. There is nothing to do the second time. */
  async run(onFailure: (error: unknown) => void): Promise<void> {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      await step().catch(onFailure);
    }
  }
}
