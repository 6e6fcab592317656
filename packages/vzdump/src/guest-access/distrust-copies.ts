import { join } from 'node:path';
import { type FileStatus, type OpenDirectory, openDirectory } from '@vzdump-format/posix';
import { EventLoopTurns } from '@vzdump-format/streams';

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
