import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ArchiveError } from './archive-error.js';

export interface PendingFileOptions {
  readonly overwrite?: boolean | undefined;
  /** Where it stands until then: in the same directory, and not there yet. */
  readonly partialPath?: string | undefined;
}

/**
 * A file that comes to be under its final name only when it is complete. Until then it stands beside it as
 * `.vzdump-format-….partial`, unless another name is given, and `discard` removes it.
 */
export class PendingFile {
  private done = false;

  private constructor(
    readonly path: string,
    /** Where it stands until then. */
    readonly partialPath: string,
    readonly handle: FileHandle,
    private readonly overwrite: boolean,
  ) {}

  /** @throws `FILE_EXISTS` unless `overwrite`; the system's error when the directory cannot be written. */
  static async create(path: string, options: PendingFileOptions = {}): Promise<PendingFile> {
    const overwrite = options.overwrite ?? false;
    if (!overwrite && (await exists(path))) throw fileExists(path);
    const partialPath = options.partialPath ?? join(dirname(path), partialName());
    return new PendingFile(path, partialPath, await open(partialPath, 'wx+'), overwrite);
  }

  /** Makes the content durable and gives the file its name. @throws `FILE_EXISTS` when another came first. */
  async commit(): Promise<void> {
    await this.handle.sync();
    await this.handle.close();
    if (this.overwrite) await rename(this.partialPath, this.path);
    else await renameToNew(this.partialPath, this.path);
    this.done = true;
    await syncDirectory(dirname(this.path));
  }

  /** Removes what was written; does nothing after `commit`. */
  async discard(): Promise<void> {
    if (this.done) return;
    this.done = true;
    await this.handle.close().catch(() => {}); // closed already when commit failed half-way
    await unlink(this.partialPath).catch(() => {});
  }
}

/**
 * A hidden name for what is not whole yet. It is to be made in a way that fails where the name is taken, and so need not be
 * a secret: `node:crypto` is slow to load.
 */
export function partialName(): string {
  return `.vzdump-format-${eightDigits()}${eightDigits()}.partial`;
}

function eightDigits(): string {
  return Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

/** How a file system without hard links answers `link`; EOPNOTSUPP is ENOTSUP in Node on Linux. */
const WITHOUT_HARD_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);

/** A rename that never replaces: `link` fails where the name is taken, which `rename` would not. */
async function renameToNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || (await exists(to))) throw fileExists(to);
    if (!WITHOUT_HARD_LINKS.has(code)) throw error;
    return rename(from, to);
  }
  await unlink(from);
}

/** Makes the names in a directory durable, where the file system can: EINVAL and ENOTSUP say that it cannot. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error;
  } finally {
    await directory.close();
  }
}

/** Whether the name is taken, be it by a symlink that points nowhere. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function fileExists(path: string): ArchiveError {
  return new ArchiveError('FILE_EXISTS', `${path} exists already`, {
    entry: path,
    hint: 'choose another name, or replace it with --force',
  });
}
