import { join } from 'node:path';
import {
  type FileStatus,
  fileSystem,
  type OpenDirectory,
  openDirectory,
  runTool,
} from '@vzdump-format/posix';
import { EventLoopTurns } from '@vzdump-format/streams';
import type { GuestLog } from '../guest-access.js';

export interface RsyncSelection {
  /** The directory that holds the container's tree: `/proc/PID/root`. */
  readonly root: string;
  /** Of the mount points: `/`, `/srv/data`. Each is read as far as its own file system goes. */
  readonly paths: readonly string[];
  /** As `exclude-path` has them: rsync's own patterns are near enough. */
  readonly excludePatterns: readonly string[];
  /** Of mount points that are not part of the backup. */
  readonly excludedPaths: readonly string[];
  readonly target: string;
  /** Whether extended attributes and ACLs are copied. */
  readonly withAttributes: boolean;
  /** In KiB/s; 0 = unlimited. */
  readonly bandwidthLimit: number;
}

export interface SyncOptions extends RsyncSelection {
  readonly log: GuestLog;
  readonly signal: AbortSignal | undefined;
}

/** The exit code when files that were there at first were gone when they were to be read. */
const VANISHED = 24;

/**
 * Copies a container's tree, or brings the copy up to date: two runs of the same command, the first while the
 * guest runs, the final one while it is frozen, for what has changed meanwhile.
 * @throws `PROGRAM_FAILED` unless all but files that vanished has been copied
 */
export async function sync(pass: 'first' | 'final', options: SyncOptions): Promise<void> {
  const { root, target, log, signal } = options;
  const start = performance.now();
  log.info(`starting ${pass} sync ${root}/ to ${target}`);
  const output = await runTool(['rsync', ...rsyncArguments(options)], {
    acceptedCodes: [VANISHED],
    onErrorLine: (line) => log.error(line),
    timeout: Number.POSITIVE_INFINITY,
    signal,
  });
  const seconds = Math.floor((performance.now() - start) / 1000);
  const size = /^Total transferred file size: (.*)$/m.exec(output)?.[1] ?? '0 bytes';
  log.info(`${pass} sync finished - transferred ${size} in ${seconds}s`);
}

/** Whether attributes can be kept where the copy goes: on NFS they cannot, which the log is told. */
export function keepsAttributes(target: string, log: GuestLog): boolean {
  if (fileSystem(target).name !== 'nfs') return true;
  log.info('temporary directory is on NFS, disabling xattr and acl support');
  return false;
}

/** rsync's arguments, those that vzdump gives it. */
export function rsyncArguments(selection: RsyncSelection): string[] {
  const { root, paths, excludePatterns, excludedPaths, target, withAttributes, bandwidthLimit } = selection;
  return [
    ...['--stats', '-h', ...(withAttributes ? ['-X', '-A'] : []), '--numeric-ids', '-aH', '--delete'],
    ...['--no-whole-file', '--sparse', '--one-file-system', '--relative'],
    ...(bandwidthLimit === 0 ? [] : [`--bwlimit=${bandwidthLimit}`]),
    ...[...excludePatterns, ...excludedPaths.map(asPattern)].map((pattern) => `--exclude=${pattern}`),
    ...paths.map((path) => `${root}//.${path}`),
    target,
  ];
}

/** A pattern that matches a path alone. Backslashes count in patterns with wildcards only. */
function asPattern(path: string): string {
  return /[*?[]/.test(path) ? path.replace(/[*?[\\]/g, '\\$&') : path;
}

export interface CopiedTree {
  readonly root: string;
  /** Where the copy is. */
  readonly target: string;
  /** When the copying began, in nanoseconds since the epoch. */
  readonly since: bigint;
  readonly signal: AbortSignal | undefined;
}

/** File systems may keep times in steps as large as this. */
const COARSEST_TIME = 2_000_000_000n;

/**
 * Makes rsync compare the content of every file that may have changed since the copying began. By itself it
 * takes a copy of the same size and time for the same: a file that is rewritten within a second, or a tick of
 * the kernel's clock, has these, and one whose time was set back. The time of the last change of any kind,
 * which nobody can set, tells; rsync does not look at it, but at the time of the copy's content, which is set
 * to another one here.
 */
export async function distrustCopies({ root, target, since, signal }: CopiedTree): Promise<void> {
  const turns = new EventLoopTurns();
  const directories = [''];
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    signal?.throwIfAborted();
    if (turns.isDue) await turns.turn();
    directories.push(...distrustIn(path, { root, target, since: since - COARSEST_TIME }));
  }
}

/** @returns the directories in there */
function distrustIn(path: string, { root, target, since }: Omit<CopiedTree, 'signal'>): readonly string[] {
  const originals = ifThere(() => openDirectory(join(root, path)));
  if (originals === undefined) return [];
  const copies = openDirectory(join(target, path));
  try {
    const listing = copies.list();
    for (const { name, type = copies.status(name).type } of listing) {
      if (type === 'file') distrustIfChanged(name, { originals, copies, since });
    }
    return listing.flatMap(({ name, type }) => (type === 'directory' ? [join(path, name)] : []));
  } finally {
    copies.close();
    originals.close();
  }
}

interface Directories {
  readonly originals: OpenDirectory;
  readonly copies: OpenDirectory;
  readonly since: bigint;
}

function distrustIfChanged(name: string, { originals, copies, since }: Directories): void {
  const status: FileStatus | undefined = ifThere(() => originals.status(name));
  if (status?.type !== 'file' || status.ctime < since) return;
  copies.setTimes(name, 'omit', status.mtime - 2n * COARSEST_TIME);
}

/** `undefined` for what is gone, or is something else now: rsync deals with that. */
function ifThere<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}
