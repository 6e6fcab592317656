export interface QueueLimits {
  /** How many tasks may be under way. */
  readonly tasks: number;
  /** What they may hold together, in bytes; one task alone may hold more. */
  readonly bytes: number;
}

/** Tasks under way, whose results are taken in the order in which they were begun. */
export class OrderedQueue<Result> {
  private readonly tasks: { readonly result: Promise<Result>; readonly bytes: number }[] = [];
  private bytes = 0;

  constructor(private readonly limits: QueueLimits) {}

  push(result: Promise<Result>, bytes: number): void {
    result.catch(() => {}); // awaited in turn
    this.tasks.push({ result, bytes });
    this.bytes += bytes;
  }

  /** Whether a result is to be taken before the next task is begun. */
  get full(): boolean {
    return (
      this.tasks.length >= this.limits.tasks || (this.tasks.length > 0 && this.bytes >= this.limits.bytes)
    );
  }

  get empty(): boolean {
    return this.tasks.length === 0;
  }

  async next(): Promise<Result> {
    const task = this.tasks.shift()!;
    this.bytes -= task.bytes;
    return task.result;
  }
}
