import type { PullIterator } from '@vzdump-format/streams';
import type { PxarEntry } from '../entry.js';
import { StreamedContent } from './streamed-content.js';

/** Entries that may be kept, each of which waits until nobody reads the content of the one before. */
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
    if (!(content instanceof Uint8Array)) return result;
    return { done: false, value: { ...(result.value as PxarEntry), content: Buffer.from(content) } };
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
