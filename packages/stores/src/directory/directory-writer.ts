import { copyFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isThere, removeIfThere } from '@vzdump-format/posix';
import { PendingFile, writeToFile } from '@vzdump-format/streams';
import type { BackupWriteOptions, BackupWriter, NewBackupOptions } from '../backup-store.js';
import { type BackupNames, backupNames } from './backup-names.js';

/** The one stream of a backup in a directory. */
export const ARCHIVE_STREAM = 'archive';

/** @throws RangeError for any other */
export function requireArchiveStream(stream: string, path: string): void {
  if (stream !== ARCHIVE_STREAM) throw new RangeError(`${path} has no stream named '${stream}'`);
}

/** A backup on its way into a directory: `….dat` until its archive is whole. */
export class DirectoryWriter implements BackupWriter {
  readonly streams: readonly string[] = [ARCHIVE_STREAM];
  private file: PendingFile | undefined;

  private constructor(
    private readonly names: BackupNames,
    private readonly options: NewBackupOptions,
  ) {}

  static async begin(directory: string, options: NewBackupOptions): Promise<DirectoryWriter> {
    return new DirectoryWriter(await unusedNames(directory, options), options);
  }

  get id(): string {
    return this.names.fileName;
  }

  get stem(): string {
    return this.names.stem;
  }

  get path(): string {
    return this.names.archive;
  }

  get logPath(): string {
    return this.names.log;
  }

  get unfinishedPath(): string {
    return this.names.unfinished;
  }

  async write(
    stream: string,
    bytes: AsyncIterable<Uint8Array>,
    { onPartial, writeAt }: BackupWriteOptions = {},
  ): Promise<number> {
    const { archive, unfinished } = this.names;
    requireArchiveStream(stream, archive);
    if (this.file !== undefined) throw new Error(`${archive} is written already`);
    await removeIfThere(unfinished);
    const { onWarning } = this.options;
    this.file = await PendingFile.create(archive, { partialPath: unfinished, onWarning });
    onPartial?.(unfinished);
    return writeToFile(bytes, this.file.handle, writeAt);
  }

  async commit(): Promise<void> {
    if (this.file === undefined) throw new Error(`nothing of ${this.names.archive} is written`);
    await this.file.commit();
  }

  async abort(): Promise<void> {
    await this.file?.discard();
  }

  async keepLog(file: string): Promise<void> {
    const { log } = this.names;
    try {
      await copyFile(file, log);
    } catch (error) {
      await rm(log, { force: true });
      throw error;
    }
  }
}

/** Two backups of a guest in one second would have the same name. */
async function unusedNames(directory: string, options: NewBackupOptions): Promise<BackupNames> {
  for (let start = options.start ?? new Date(); ; ) {
    const names = backupNames(directory, { ...options, start });
    if (!(await isThere(names.archive)) && !(await isThere(names.log))) return names;
    const { signal } = options;
    start = new Date(start.getTime() + 1000 - start.getMilliseconds());
    await sleep(Math.max(0, start.getTime() - Date.now()), undefined, signal && { signal });
  }
}
