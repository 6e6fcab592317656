import { type ByteSource, FileSource } from '@vzdump-format/streams';
import type { StoredArchive } from './archive-format.js';
import { type IndexArchiveOptions, type IndexedArchive, indexArchive } from './index-archive.js';

/**
 * Has all of an archive read, and makes its index meanwhile. Where the reading fails, none is made.
 * @returns what came of both; the error of an index that cannot be made
 */
export async function indexWhileReading<Result>(
  path: string,
  options: IndexArchiveOptions,
  readAll: (archive: StoredArchive) => Promise<Result>,
): Promise<{ readonly result: Result; readonly index: IndexedArchive | { readonly error: unknown } }> {
  const archive = new ReadTogether(path);
  const controller = new AbortController();
  const signals = [controller.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const making = indexArchive(archive, { ...options, signal: AbortSignal.any(signals) });
  const index = making.catch((error: unknown) => ({ error }));
  try {
    return { result: await readAll(archive), index: await index };
  } catch (error) {
    controller.abort();
    await index;
    throw error;
  }
}

/** As much as two readers may be apart: the kernel keeps what one has read until the other one comes. */
const MOST_APART = 32 << 20;

/**
 * One file for several readers that each go through all of it at their own pace. Who is too far ahead waits
 * for the others, so that the disk is read once, and a disk that turns is not sent to and fro.
 */
class ReadTogether implements StoredArchive {
  private readonly readers = new Set<Reader>();

  constructor(readonly path: string) {}

  /** For one more reader, which the others wait for until it is closed. */
  async open(): Promise<ByteSource> {
    const reader = new Reader(await FileSource.open(this.path), this.readers);
    this.readers.add(reader);
    return reader;
  }
}

class Reader implements ByteSource {
  readonly size: number;
  /** Where it has asked to read last. */
  private position = 0;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly file: FileSource,
    private readonly all: Set<Reader>,
  ) {
    this.size = file.size;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    this.moveTo(offset);
    while (this.all.has(this) && this.isFarAhead(offset))
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.file.read(buffer, offset);
  }

  changed(): Promise<boolean> {
    return this.file.changed();
  }

  async close(): Promise<void> {
    this.wakeAll();
    this.all.delete(this);
    await this.file.close();
  }

  private isFarAhead(offset: number): boolean {
    return [...this.all].some((reader) => offset - reader.position > MOST_APART);
  }

  private moveTo(offset: number): void {
    this.position = offset;
    this.wakeAll();
  }

  private wakeAll(): void {
    for (const reader of this.all) {
      for (const resolve of reader.waiting.splice(0)) resolve();
    }
  }
}
