import { constants } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { EventLoopTurns, hiddenName, isNotFound } from '@vzdump-format/streams';
import { systemError } from '../native/native-calls.js';
import { type DirectoryEntry, entryPath, type OpenDirectory } from './directory.js';
import { openDirectory } from './native-directory.js';

/**
 * A directory whose path is longer than this, in characters below the root, is first moved up to the root: so
 * paths stay short, and few directories are open at a time.
 */
const LONGEST_WAY = 512;

/**
 * Removes a directory with all that is in it, or a file, at any depth: paths may be longer than any call
 * takes. What is not there need not be removed. Links are not followed, and a file system that is mounted in
 * it stays.
 * @throws a Node-style error; `EBUSY` for a mount point
 */
export async function removeTree(path: string): Promise<void> {
  const absolute = resolve(path);
  const name = basename(absolute);
  const parent = ifThere(() => openDirectory(dirname(absolute)));
  if (parent === undefined) return;
  try {
    const type = ifThere(() => parent.status(name).type);
    if (type === undefined) return;
    if (type !== 'directory') return parent.remove(name);
    const root = openWritable(parent, name);
    try {
      await new Removal(root, parent.status(name).deviceId).run();
    } finally {
      root.close();
    }
    parent.removeDirectory(name);
  } finally {
    parent.close();
  }
}

/** Removes what is below a directory. */
class Removal {
  private readonly turns = new EventLoopTurns();

  constructor(
    private readonly root: OpenDirectory,
    private readonly deviceId: number,
  ) {}

  async run(): Promise<void> {
    for (let entries = this.root.list(); entries.length > 0; entries = this.root.list()) {
      await this.removeAll(this.root, entries);
    }
  }

  private async removeAll(directory: OpenDirectory, entries: readonly DirectoryEntry[]): Promise<void> {
    for (const { name, type = directory.status(name).type } of entries) {
      if (type === 'directory') await this.removeDirectory(directory, name);
      else directory.remove(name);
      if (this.turns.isDue) await this.turns.turn();
    }
  }

  private async removeDirectory(parent: OpenDirectory, name: string): Promise<void> {
    if (parent.status(name).deviceId !== this.deviceId) {
      throw systemError(constants.errno.EBUSY, 'unlinkat', entryPath(parent.path, name));
    }
    if (parent.path.length - this.root.path.length > LONGEST_WAY) {
      parent.rename(name, this.root, hiddenName('removed')); // the root is listed again
      return;
    }
    const directory = openWritable(parent, name);
    try {
      await this.removeAll(directory, directory.list());
    } finally {
      directory.close();
    }
    parent.removeDirectory(name);
  }
}

/** An archive may have closed a directory to its own owner, whom that stops, unlike the superuser. */
function openWritable(parent: OpenDirectory, name: string): OpenDirectory {
  if (process.geteuid?.() !== 0) {
    try {
      parent.setMode(name, 0o700);
    } catch {} // it is another's: removing what is in it tells whether that matters
  }
  return parent.openDirectory(name);
}

function ifThere<Value>(look: () => Value): Value | undefined {
  try {
    return look();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
