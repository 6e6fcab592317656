import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type PullIterator } from '@vzdump-format/streams';
import type { PxarEntry } from './entry-reader.js';
import type { ForwardReader } from './forward-reader.js';

/** The content of a file where it stands in a stream: it can be read once, before the stream moves on. */
export class StreamedContent implements AsyncIterable<Uint8Array> {
  /** Resolves when nobody will read on. */
  readonly settled: Promise<void>;
  private settle: () => void = () => {};
  private state: 'new' | 'begun' | 'over' = 'new';

  /** @param left bytes that are not read yet */
  constructor(
    private readonly input: ForwardReader,
    private readonly path: string,
    private left: number,
  ) {
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.state !== 'new') throw this.gone();
    this.state = 'begun';
    try {
      while (this.left > 0) {
        const bytes = await this.input.some(this.left);
        this.left -= bytes.length;
        yield bytes;
        if (this.isOver()) throw this.gone();
      }
    } finally {
      this.settle();
    }
  }

  /** Passes over what was not read. */
  async finish(): Promise<void> {
    this.state = 'over';
    await this.input.skip(this.left);
    this.left = 0;
    this.settle();
  }

  /** In a method, since whoever holds the iterator may ask for the next entry in between. */
  private isOver(): boolean {
    return this.state === 'over';
  }

  private gone(): ArchiveError {
    const what = `the content of ${printableName(this.path)} can be read once, before the next entry is asked for`;
    return new ArchiveError('PXAR_CONTENT_GONE', what, { entry: this.path });
  }
}

/** Entries, each of which waits until nobody reads the content of the one before. */
export class PatientEntries implements AsyncGenerator<PxarEntry> {
  private last: StreamedContent | undefined;
  private stop = () => {};
  private readonly stopped = new Promise<'stopped'>((resolve) => {
    this.stop = () => resolve('stopped');
  });

  constructor(private readonly entries: PullIterator<PxarEntry>) {}

  async next(): Promise<IteratorResult<PxarEntry>> {
    if (this.last !== undefined) {
      const waited = await Promise.race([this.last.settled, this.stopped]);
      if (waited === 'stopped') return { done: true, value: undefined };
    }
    const result = await this.entries.next();
    const content = result.value?.content;
    this.last = content instanceof StreamedContent ? content : undefined;
    return result;
  }

  /** Takes effect at once, where that of a generator would come after the wait. */
  return(): Promise<IteratorResult<PxarEntry>> {
    this.stop();
    return this.entries.return();
  }

  async throw(error: unknown): Promise<IteratorResult<PxarEntry>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
