import { link, lstat, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OnWarning } from '../diagnostics.js';
import { hiddenName, isFileAt } from './file-name.js';
import type { PendingFile } from './pending-file.js';

/**
 * Gives several files their names: all of them, in this order, or none. The content of all is durable before
 * the first has its name; when one cannot have it, those before are taken back, and what they have replaced
 * is there again.
 * @throws as `PendingFile.commit`
 */
export async function commitTogether(files: readonly PendingFile[]): Promise<void> {
  for (const file of files) await file.seal();
  const committed: CommittedFile[] = [];
  try {
    for (const file of files) committed.push(await CommittedFile.commit(file));
  } catch (error) {
    for (const file of committed.reverse()) await file.takeBack();
    throw error;
  }
  for (const file of committed) await file.settle();
}

/** A file that has its name, which can still be taken back. */
export class CommittedFile {
  private constructor(
    private readonly file: PendingFile,
    private readonly former: FormerFile | undefined,
  ) {}

  /** @throws as `PendingFile.commit`; then all is as it was before */
  static async commit(file: PendingFile): Promise<CommittedFile> {
    const former = file.overwrite ? await FormerFile.keep(file.path) : undefined;
    try {
      await file.commit();
      return new CommittedFile(file, former);
    } catch (error) {
      await former?.putBack(file.onWarning);
      throw error;
    }
  }

  /** Puts back what it has replaced, or removes it. That this fails is the warning `FILE_LEFTOVER`. */
  async takeBack(): Promise<void> {
    const { former } = this;
    const { path, onWarning } = this.file;
    if (former !== undefined) return former.putBack(onWarning);
    await unlink(path).catch((error: Error) => {
      const message = `${path} belongs to what has failed, and could not be removed: ${error.message}`;
      onWarning?.({ code: 'FILE_LEFTOVER', message, entry: path });
    });
  }

  /** It is there to stay. */
  async settle(): Promise<void> {
    await this.former?.drop(this.file.onWarning);
  }
}

/** A file that another is about to replace, which stands under a hidden name beside it until that is done. */
export class FormerFile {
  private constructor(
    private readonly path: string,
    private readonly keptPath: string,
  ) {}

  /**
   * Gives it a second name; where there are no hard links, another name. @returns nothing where there is no
   * file
   */
  static async keep(path: string): Promise<FormerFile | undefined> {
    return FormerFile.of(path, async (keptPath) => {
      await link(path, keptPath).catch(() => rename(path, keptPath));
    });
  }

  /** Takes its name away, so that it is never beside what belongs to its successor. @returns as `keep` */
  static async setAside(path: string): Promise<FormerFile | undefined> {
    return FormerFile.of(path, (keptPath) => rename(path, keptPath));
  }

  /** Replaces its successor, if it has one. That this fails is the warning `FILE_LEFTOVER`. */
  async putBack(onWarning: OnWarning | undefined): Promise<void> {
    const { path, keptPath } = this;
    try {
      await rename(keptPath, path);
      await unlink(keptPath).catch(() => {}); // rename(2) leaves two names of one file as they are
    } catch (error) {
      const message = `${path} could not be put back, and is ${keptPath} now: ${(error as Error).message}`;
      onWarning?.({ code: 'FILE_LEFTOVER', message, entry: keptPath });
    }
  }

  /** Its successor is there to stay: that it is left over is the warning `FILE_LEFTOVER`. */
  async drop(onWarning: OnWarning | undefined): Promise<void> {
    await unlink(this.keptPath).catch((error: Error) => {
      const message = `${this.path} was replaced, but what it was before could not be removed: ${error.message}`;
      onWarning?.({ code: 'FILE_LEFTOVER', message, entry: this.keptPath });
    });
  }

  private static async of(
    path: string,
    keep: (keptPath: string) => Promise<void>,
  ): Promise<FormerFile | undefined> {
    const status = await lstat(path, { bigint: true }).catch(() => undefined);
    if (status === undefined || status.isDirectory()) return undefined;
    const keptPath = join(dirname(path), hiddenName('former'));
    try {
      await keep(keptPath);
    } catch (error) {
      if (!(await isFileAt(keptPath, status))) throw error;
    }
    return new FormerFile(path, keptPath);
  }
}
