import { link, lstat, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OnWarning } from '../archive-error.js';
import { hiddenName } from './hidden-name.js';
import { isFileAt } from './is-file-at.js';

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
