import { Semaphore } from '../../concurrency.js';

/**
 * A native library's contexts, one for each call under way. The calls cannot be broken off: what they use is
 * kept, and freed when they are through, also when nobody waits for them any more.
 */
export class Contexts<Context> {
  private readonly semaphore: Semaphore;
  private readonly spare: Context[] = [];
  /** Memory that the library works on must not be collected. */
  private readonly memoryInUse = new Set<readonly Uint8Array[]>();
  private closed = false;

  constructor(
    threads: number,
    private readonly signal: AbortSignal | undefined,
    private readonly create: () => Context,
    private readonly free: (context: Context) => void,
  ) {
    this.semaphore = new Semaphore(threads);
  }

  /** @throws what `work` throws; the signal's reason when it is aborted */
  run<Result>(memory: readonly Uint8Array[], work: (context: Context) => Promise<Result>): Promise<Result> {
    this.signal?.throwIfAborted();
    return this.unlessAborted(this.semaphore.run(() => this.withContext(memory, work)));
  }

  close(): void {
    this.closed = true;
    for (const context of this.spare.splice(0)) this.free(context);
  }

  private async withContext<Result>(
    memory: readonly Uint8Array[],
    work: (context: Context) => Promise<Result>,
  ): Promise<Result> {
    if (this.closed) throw new Error('the library was closed');
    const context = this.spare.pop() ?? this.create();
    this.memoryInUse.add(memory);
    try {
      return await work(context);
    } finally {
      this.memoryInUse.delete(memory);
      if (this.closed) this.free(context);
      else this.spare.push(context);
    }
  }

  private unlessAborted<Result>(running: Promise<Result>): Promise<Result> {
    const { signal } = this;
    if (signal === undefined) return running;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      const settled = () => signal.removeEventListener('abort', onAbort);
      running.then(resolve, reject).finally(settled);
    });
  }
}
