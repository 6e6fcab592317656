import type { FileHandle } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { bytesToPath, pathToBytes } from '@vzdump-format/posix';

/** What a job has to put right in the end, and the next one if it was killed. */
export type JournalEntry =
  /** An archive that is being written. */
  | { readonly kind: 'unfinished'; readonly path: string }
  /** A directory for temporary files. */
  | { readonly kind: 'temporary'; readonly path: string }
  /** The configuration of a guest that is locked meanwhile. */
  | { readonly kind: 'locked'; readonly path: string };

/** More than any job writes, and what bounds the memory that a file can claim. */
const MAX_SIZE = 64 * 1024;

/** Names as a job gives them: whatever a file says, nothing else is touched. */
const NAMES: Readonly<Record<JournalEntry['kind'], RegExp>> = {
  unfinished: /\/vzdump-(?:qemu|lxc)-\d+-[\d_-]+(?:\.(?:vma|tar))?\.dat$/,
  temporary: /\/(?:vzdump-(?:qemu|lxc)-\d+-[\d_-]+\.tmp|vzdumptmp\d+_\d+)$/,
  locked: /\/(?:qemu-server|lxc)\/\d+\.conf$/,
};

/**
 * What stands in the file of the job's lock, a line of JSON each: the process that holds it, and what that has to
 * put right. vzdump itself writes nothing there, and minds nothing.
 */
export class Journal {
  constructor(private readonly file: FileHandle) {}

  /** What the job before has left; nothing when it ended, or the file could be somebody else's. */
  async leftovers(): Promise<readonly JournalEntry[]> {
    const { uid, mode } = await this.file.stat();
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return [];
    return (await this.lines()).flatMap((line) => (isEntry(line) ? [line] : []));
  }

  /** The process that holds the lock. */
  async pid(): Promise<number | undefined> {
    for (const line of await this.lines()) {
      if (typeof line.pid === 'number' && Number.isSafeInteger(line.pid) && line.pid > 1) return line.pid;
    }
    return undefined;
  }

  /** Nothing is left to be put right: of the job before, or of one of this job's guests. */
  async begin(): Promise<void> {
    await this.file.truncate();
    await this.append({ pid: process.pid });
  }

  /** To be called before that is done which is to be put right. */
  async add(entry: JournalEntry): Promise<void> {
    await this.append(entry);
  }

  async end(): Promise<void> {
    await this.file.truncate();
  }

  private async append(line: object): Promise<void> {
    await this.file.appendFile(pathToBytes(`${JSON.stringify(line)}\n`));
  }

  private async lines(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const buffer = Buffer.alloc(MAX_SIZE);
    const { bytesRead } = await this.file.read(buffer, 0, MAX_SIZE, 0);
    return bytesToPath(buffer.subarray(0, bytesRead))
      .split('\n')
      .flatMap((line) => parsed(line));
  }
}

/** The last line of a process that was killed need not be whole. */
function parsed(line: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return [];
  }
}

function isEntry(line: Readonly<Record<string, unknown>>): line is JournalEntry {
  const { kind, path } = line;
  if (typeof kind !== 'string' || typeof path !== 'string' || !Object.hasOwn(NAMES, kind)) return false;
  return isAbsolute(path) && NAMES[kind as JournalEntry['kind']].test(path);
}
