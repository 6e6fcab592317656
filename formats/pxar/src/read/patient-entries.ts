import type { PullIterator } from '@vzdump-format/streams';
import type { PxarEntry } from '../entry.js';
import { StreamedContent } from './streamed-content.js';

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
    this.last = result.value?.content instanceof StreamedContent ? result.value.content : undefined;
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
