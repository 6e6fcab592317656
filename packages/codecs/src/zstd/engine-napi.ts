import { JobFailure, WorkerPool } from '../workers/pool.js';
import { workerScript } from '../workers/script.js';
import type { StreamResult, ZstdEngine } from './engine.js';
import { type NapiJob, NapiJobs, type NapiResult } from './napi-jobs.js';

/** Frames up to this size are done on the main thread while no worker is running: it takes a millisecond. */
const SMALL_FRAME = 64 * 1024;

/** zstd-napi: synchronous, so in worker threads; knows every parameter. Built on installation. */
export async function loadNapiEngine(): Promise<ZstdEngine> {
  const { default: binding } = await import('zstd-napi/binding.js');
  const here = new NapiJobs(binding);
  return {
    name: 'zstd-napi',
    frameCompressor({ threads, level, signal }) {
      const workers = new NapiThreads(here, threads, signal);
      return {
        compress: ({ buffer, length }, output) =>
          workers.run({ kind: 'compress', input: buffer, length, output, level }, length <= SMALL_FRAME),
        close: () => workers.close(),
      };
    },
    frameDecompressor({ threads, maxWindowLog, signal }) {
      const workers = new NapiThreads(here, threads, signal);
      const inPieces = new NapiThreads(here, 1, signal); // a frame's state is in its thread
      return {
        decompress: ({ buffer, length, output, first, last }) => {
          const whole = first && last;
          const job = {
            kind: 'decompress',
            input: buffer,
            length,
            output,
            first,
            last,
            maxWindowLog,
          } as const;
          return (whole ? workers : inPieces).run(job, whole && output.length <= SMALL_FRAME);
        },
        close: () => {
          workers.close();
          inPieces.close();
        },
      };
    },
    streamCompressor(settings, signal) {
      const worker = new NapiThreads(here, 1, signal);
      return {
        write: ({ buffer, length }, start, end, output) =>
          worker.run({ kind: 'write', input: buffer, start, length, end, output, settings }, false),
        close: () => worker.close(),
      };
    },
  };
}

class NapiThreads {
  private readonly pool: WorkerPool<NapiJob, NapiResult>;
  private started = false;

  constructor(
    private readonly here: NapiJobs,
    threads: number,
    signal: AbortSignal | undefined,
  ) {
    this.pool = new WorkerPool(workerScript('zstd'), threads, signal);
  }

  async run(job: NapiJob, small: boolean): Promise<StreamResult> {
    const here = small && !this.started;
    this.started = !here;
    return { output: job.output, ...(here ? runHere(this.here, job) : await this.pool.run(job)) };
  }

  close(): void {
    this.pool.close();
  }
}

function runHere(jobs: NapiJobs, job: NapiJob): NapiResult {
  try {
    return jobs.run(job);
  } catch (error) {
    throw new JobFailure((error as Error).message);
  }
}
