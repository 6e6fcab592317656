import type { FileHandle } from 'node:fs/promises';
import { isAbsolute } from 'node:path';

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
  /** Of the guest at hand. */
  private open: readonly JournalEntry[] = [];
  /** Could not be put right, and is left for the next job to try. */
  private left: readonly JournalEntry[] = [];

  constructor(private readonly file: FileHandle) {}

  /** What the job before has left; nothing when it ended well, or the file could be somebody else's. */
  async leftovers(): Promise<readonly JournalEntry[]> {
    const { uid, mode } = await this.file.stat();
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return [];
    return (await this.lines()).flatMap((line) => (isEntry(line) ? [line] : []));
  }

  /** The process that holds the lock. */
  async pid(): Promise<number | undefined> {
    for (const { pid } of await this.lines()) {
      if (typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 1) return pid;
    }
    return undefined;
  }

  /** This job takes over. @param left what could not be put right of the leftovers */
  async begin(left: readonly JournalEntry[]): Promise<void> {
    this.left = left;
    await this.write([{ pid: process.pid }, ...left]);
  }

  /** To be called before that is done which is to be put right. */
  async add(entry: JournalEntry): Promise<void> {
    this.open = [...this.open, entry];
    await this.append([entry]);
  }

  /** A guest's turn is over. @param isRight whether all of it was put right */
  async settle(isRight: boolean): Promise<void> {
    const left = isRight ? this.left : [...this.left, ...this.open];
    this.open = [];
    await this.begin(left);
  }

  /** This job is over. */
  async end(): Promise<void> {
    await this.write(this.left);
  }

  private async write(lines: readonly object[]): Promise<void> {
    await this.file.truncate();
    await this.append(lines);
  }

  private async append(lines: readonly object[]): Promise<void> {
    await this.file.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  private async lines(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const buffer = Buffer.alloc(MAX_SIZE);
    const { bytesRead } = await this.file.read(buffer, 0, MAX_SIZE, 0);
    return buffer
      .toString('utf8', 0, bytesRead)
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
