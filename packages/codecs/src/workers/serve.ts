import { parentPort, type Transferable } from 'node:worker_threads';
import type { JobReply } from './pool.js';

interface JobOutcome<Result> {
  readonly result: Result;
  /** What the caller gets without a copy being made. */
  readonly transfer?: readonly Transferable[];
}

/** The whole of a worker thread: answers each job with its result, in order. */
export function serveJobs<Job, Result>(work: (job: Job) => JobOutcome<Result>): void {
  parentPort!.on('message', (job: Job) => {
    const answer = (reply: JobReply<Result>, transfer: readonly Transferable[] = []) =>
      parentPort!.postMessage(reply, transfer);
    let outcome: JobOutcome<Result>;
    try {
      outcome = work(job);
    } catch (error) {
      return answer({ failure: error instanceof Error ? error.message : String(error) });
    }
    answer({ result: outcome.result }, outcome.transfer);
  });
}
