import { closeSync, constants, openSync } from 'node:fs';
import { makeDirectories, missingCapabilities, openDirectory, pathToBytes } from '@vzdump-format/posix';
import { EventLoopTurns, type Items, type OnWarning, PullIterator } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { requireEntry } from '../entry/file-entry.js';
import type { Accounts } from '../metadata/acl.js';
import type { IdMap } from '../metadata/id-map.js';
import { OpenDirectories, type TreeRoot } from './restore-directories.js';
import { FoundDirectory } from './restore-directory-state.js';
import { restoreEntry } from './restore-entry.js';
import { type Inode, OpenInode, type Owner } from './restore-inode.js';
import { type LossCounts, Losses } from './restore-losses.js';
import { type MetadataOptions, MetadataWriter } from './restore-metadata.js';
import { type Existing, NameGiver, type Restoration } from './restore-run.js';

export interface RestoreTreeOptions {
  /** `refuse` unless given. Directories that are there are merged, whatever it says. */
  readonly existing?: Existing | undefined;
  /**
   * Whether the target was made for this restore: what is in it, as a new file system's `lost+found`, counts
   * as made by this run, and the target itself gets the metadata of its entry, whatever `existing` says.
   */
  readonly freshTarget?: boolean | undefined;
  /**
   * Whether files get the owner that they had. Unless given: for the superuser they do; others, who may not
   * give files away, own what they restore, and what belonged to someone else is counted as lost.
   */
  readonly owner?: boolean | undefined;
  /**
   * Makes block and character devices; left out, they are counted. Unless given: without an `idMap`, since an
   * unprivileged container could not have made them, and on the host they would be as good as any.
   */
  readonly devices?: boolean | undefined;
  /**
   * Makes sockets, which are of no use until a program listens on them anew; left out, they are counted.
   * `true` unless given.
   */
  readonly sockets?: boolean | undefined;
  /** Blocks of zeros in a file become holes. `false` unless given. */
  readonly zerosToHoles?: boolean | undefined;
  /** Entries to pass over. The path is as it is on disk, from the target on: without odd slashes and dots. */
  readonly excludes?: ((path: string, isDirectory: boolean) => boolean) | undefined;
  /** From the ids of a container to those of the host that it is restored on. */
  readonly idMap?: IdMap | undefined;
  /** For users and groups that an ACL names without an id; unless given, those are lost. */
  readonly accounts?: Accounts | undefined;
  readonly onWarning?: OnWarning | undefined;
  /** Told what is on disk when an error has ended it, before that is thrown. */
  readonly onFailure?: ((soFar: RestoreTreeResult) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RestoreTreeResult {
  /** Entries that are on disk now. */
  readonly restored: number;
  /** The sizes of those that are files, together. */
  readonly bytes: number;
  /** Entries passed over: excluded, or, with `skip`, because something had their name. */
  readonly skipped: number;
  /** How many entries lost what. Of each kind there was a warning, `TREE_LOST_…`. */
  readonly losses: LossCounts;
}

/**
 * Puts a tree on disk, in the order of its entries, whatever they say, and nowhere but in `target`, which is
 * made when it is missing: see `OpenDirectories` for how that is ensured. An error ends it: what was restored
 * until then stays, the file at hand does not. Nothing is synced to disk.
 *
 * @throws ArchiveError: `ENTRY_FIELD`, `TREE_PATH_…`, `TREE_THROUGH_LINK`, `TREE_NOT_A_DIRECTORY`,
 * `TREE_ROOT_TYPE`,
 * `TREE_EXISTS`, `TREE_NOT_EMPTY`, `TREE_LINK_…`, `TREE_DEVICE`, `TREE_SIZE`, `TREE_EXTENTS`,
 * `TREE_CONTENT`; `TREE_SYSTEM` when the system refuses, with its error as `cause`; and what `entries` or a
 * content throws
 */
export async function restoreTree(
  entries: Items<FileEntry>,
  target: string,
  options: RestoreTreeOptions = {},
): Promise<RestoreTreeResult> {
  const { signal, onWarning, onFailure } = options;
  signal?.throwIfAborted();
  const missing = missingCapabilities();
  if (missing !== undefined) onWarning?.({ code: 'TREE_SYSTEM_LACKS', message: missing });
  const root = openTarget(target, options);
  const run = newRestoration(root, options);
  let restored = 0;
  let bytes = 0;
  const result = () => ({ restored, bytes, skipped: run.names.skipped, losses: run.losses.counts() });
  /** Other code runs meanwhile, and may change the process's umask. */
  const wait = async <Result>(result: Promise<Result>): Promise<Result> => {
    const awaited = await result;
    run.directories.forgetModes();
    return awaited;
  };
  try {
    for await (const ready of PullIterator.of(entries, signal).runs()) {
      run.directories.forgetModes();
      for (const entry of ready) {
        signal?.throwIfAborted();
        requireEntry(entry);
        const made = restoreEntry(run, entry);
        if (typeof made === 'boolean' ? made : await wait(made)) {
          restored++;
          if (entry.type === 'file') bytes += entry.size;
        }
        if (run.turns.isDue) await wait(run.turns.turn());
      }
    }
    run.targets.leaveAll();
    run.directories.leaveAll();
  } catch (error) {
    run.losses.warn(onWarning);
    onFailure?.(result());
    throw error;
  } finally {
    run.targets.abandon();
    run.directories.abandon();
    root.close();
  }
  run.losses.warn(onWarning);
  return result();
}

function newRestoration(root: TreeRoot, options: RestoreTreeOptions): Restoration {
  const { existing = 'refuse', idMap, sockets = true, zerosToHoles = false } = options;
  const devices = options.devices ?? idMap === undefined;
  const losses = new Losses();
  const metadata = new MetadataWriter({ ...options, owner: ownerPolicy(options.owner) }, losses);
  const settle = (inode: Inode, entry: FileEntry): void => {
    metadata.give(inode, entry, { owner: inode.status(), hasAcl: false });
    metadata.giveFlagsAfterwards(inode, entry);
  };
  const needsPermission = !isSuperuser();
  const directories = new OpenDirectories(root, {
    ...{ makesParents: true, parentsOwner: parentsOwner(options), needsPermission, settle },
  });
  const targets = new OpenDirectories(root, { makesParents: false, needsPermission, settle });
  return {
    options: { ...options, existing, devices, sockets, zerosToHoles },
    directories,
    targets,
    names: new NameGiver(directories, targets, existing),
    metadata,
    losses,
    turns: new EventLoopTurns(),
    warnedOfSlash: false,
  };
}

interface OpenTarget extends TreeRoot {
  close(): void;
}

/** Links in its path are followed, because the user named it. */
function openTarget(
  target: string,
  { existing = 'refuse', freshTarget = false }: RestoreTreeOptions,
): OpenTarget {
  const made = makeDirectories(target).length > 0 || freshTarget;
  const directory = openDirectory(target);
  // the portable implementation has no descriptors
  const fd = directory.fd ?? openSync(pathToBytes(target), constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
  const close = () => {
    if (fd !== directory.fd) closeSync(fd);
    directory.close();
  };
  try {
    const remembered = existing === 'refuse' ? 'everything' : 'directories';
    const found = made ? undefined : new FoundDirectory(directory, remembered);
    return { directory, inode: new OpenInode(fd), found, close };
  } catch (error) {
    close();
    throw error;
  }
}

function ownerPolicy(owner: boolean | undefined): MetadataOptions['owner'] {
  if (owner === undefined) return isSuperuser() ? 'set' : 'lost';
  return owner ? 'set' : 'ignore';
}

/** What the container's root makes belongs to it: a parent that is no entry would be nobody's in there. */
function parentsOwner({ idMap, owner }: RestoreTreeOptions): Owner | undefined {
  if (idMap === undefined || owner === false || !isSuperuser()) return undefined;
  const uid = idMap.toHost('user', 0);
  const gid = idMap.toHost('group', 0);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function isSuperuser(): boolean {
  return process.geteuid?.() === 0;
}
