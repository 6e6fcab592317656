import { WorkerPool } from '../workers/pool.js';
import { workerScript } from '../workers/script.js';
import { type LzoJob, type LzoResult, runLzoJob } from './jobs.js';

/**
 * Below this many bytes of content, a thread is not worth starting; the main thread has it done in a
 * millisecond.
 */
const SMALL = 256 * 1024;

/** Runs jobs on worker threads, or right here as long as there is only a little to do. */
export class LzoThreads {
  private readonly pool: WorkerPool<LzoJob, LzoResult>;
  private done = 0;

  constructor(threads: number, signal: AbortSignal | undefined) {
    this.pool = new WorkerPool(workerScript('lzo'), threads, signal);
  }

  async run(job: LzoJob, contentLength: number): Promise<LzoResult> {
    this.done += contentLength;
    if (this.done <= SMALL) return runLzoJob(job);
    return this.pool.run(job);
  }

  close(): void {
    this.pool.close();
  }
}
