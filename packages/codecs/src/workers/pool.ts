import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Transferable, Worker } from 'node:worker_threads';

/** What a worker answers: the result, or the message of the error that the job failed with. */
export type JobReply<Result> = { readonly result: Result } | { readonly failure: string };

interface PooledWorker<Result> {
  readonly worker: Worker;
  /** The jobs given to it, oldest first; it answers in order. */
  readonly jobs: Resolvers<Result>[];
}

/**
 * Worker threads that run one kind of job. They are started when needed, keep the program alive only while
 * they work, and end with `close` or when the signal is aborted. The caller bounds the number of jobs.
 */
export class WorkerPool<Job, Result> {
  private readonly workers: PooledWorker<Result>[] = [];
  private readonly onAbort = () => this.end(this.signal!.reason);

  /** @param script a built file that calls `serveJobs`. */
  constructor(
    private readonly script: URL,
    private readonly threads: number,
    private readonly signal?: AbortSignal | undefined,
  ) {
    signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** @throws JobFailure with the message of what the job threw; the signal's reason when it is aborted. */
  run(job: Job, transfer: readonly Transferable[] = []): Promise<Result> {
    this.signal?.throwIfAborted();
    const pooled = this.leastBusy();
    const reply = newResolvers<Result>();
    pooled.jobs.push(reply);
    pooled.worker.ref();
    pooled.worker.postMessage(job, transfer);
    return reply.promise;
  }

  close(): void {
    this.signal?.removeEventListener('abort', this.onAbort);
    this.end(new Error('the worker threads were closed'));
  }

  private end(reason: unknown): void {
    for (const { worker, jobs } of this.workers.splice(0)) {
      for (const job of jobs) job.reject(reason);
      void worker.terminate();
    }
  }

  /** A worker that is gone answers no more. */
  private lose(pooled: PooledWorker<Result>, error: unknown): void {
    const index = this.workers.indexOf(pooled);
    if (index >= 0) this.workers.splice(index, 1);
    for (const job of pooled.jobs.splice(0)) job.reject(error);
  }

  private leastBusy(): PooledWorker<Result> {
    let best = this.workers[0];
    if (best === undefined) return this.start();
    for (const pooled of this.workers) if (pooled.jobs.length < best.jobs.length) best = pooled;
    return best.jobs.length > 0 && this.workers.length < this.threads ? this.start() : best;
  }

  private start(): PooledWorker<Result> {
    const pooled: PooledWorker<Result> = { worker: newWorker(this.script), jobs: [] };
    pooled.worker.on('message', (reply: JobReply<Result>) => {
      const job = pooled.jobs.shift();
      if (pooled.jobs.length === 0) pooled.worker.unref();
      if ('failure' in reply) job?.reject(new JobFailure(reply.failure));
      else job?.resolve(reply.result);
    });
    pooled.worker.on('error', (error) => this.lose(pooled, error));
    pooled.worker.on('exit', () => this.lose(pooled, new Error('a worker thread ended unexpectedly')));
    this.workers.push(pooled);
    return pooled;
  }
}

/** Without the flags of the program: those that resolve its imports otherwise are not for a built file. */
function newWorker(script: URL): Worker {
  const threads = process.getBuiltinModule('node:worker_threads');
  const worker = new threads.Worker(script, { execArgv: [] });
  worker.unref();
  return worker;
}

/** A job threw; the message is what it said. */
export class JobFailure extends Error {}

interface Resolvers<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(reason: unknown): void;
}

function newResolvers<Value>(): Resolvers<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {}); // whoever asked for it awaits it in turn
  return { promise, resolve, reject };
}

/**
 * The built file that a codec's worker threads run. It is found through this package's exports, so that it is
 * the same one for the sources, the built package, and a program that this code was bundled into.
 */
export function workerScript(codec: 'bzip2' | 'lzo' | 'zstd'): URL {
  const path = createRequire(import.meta.url).resolve(`@vzdump-format/codecs/workers/${codec}`);
  return pathToFileURL(path);
}
