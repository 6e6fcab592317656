import type { FileEntry } from '@vzdump-format/file-tree';

/** Hands entries to one who iterates over them: the next one is taken once the one before is done with. */
export class EntryChannel implements AsyncIterable<FileEntry> {
  private asked: ((result: IteratorResult<FileEntry> | Promise<never>) => void) | undefined;
  private done: (() => void) | undefined;
  private waiting: IteratorResult<FileEntry> | Promise<never> | undefined;

  /** Resolves when the entry is done with. */
  offer(entry: FileEntry): Promise<void> {
    return new Promise((resolve) => {
      this.done = resolve;
      this.give({ done: false, value: entry });
    });
  }

  end(): void {
    this.give({ done: true, value: undefined });
  }

  /** Whoever iterates gets the error. */
  fail(error: unknown): void {
    const failure = Promise.reject(error);
    failure.catch(() => {}); // it may be that nobody asks any more
    this.give(failure);
  }

  [Symbol.asyncIterator](): AsyncIterator<FileEntry> {
    return {
      next: () => {
        this.done?.();
        this.done = undefined;
        return new Promise((resolve) => {
          this.asked = resolve;
          if (this.waiting !== undefined) this.give(this.waiting);
        });
      },
    };
  }

  private give(result: IteratorResult<FileEntry> | Promise<never>): void {
    const { asked } = this;
    this.waiting = asked === undefined ? result : undefined;
    this.asked = undefined;
    asked?.(result);
  }
}
