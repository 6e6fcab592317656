import { unlink } from 'node:fs/promises';
import { FormerFile } from './former-file.js';
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
