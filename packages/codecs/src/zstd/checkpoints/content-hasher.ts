import xxhash from 'xxhash-wasm';
import { contentChecksums } from '../../seekable/segments.js';
import type { SharedMemory } from '../../shared-memory.js';
import { WorkerPool, workerScript } from '../../workers/pool.js';

/** The checksums of a file's frames, and of each MiB of their content. Calls are answered in order. */
export interface ContentHasher {
  beginFrame(): Promise<void>;
  /** The next of the frame's content. @returns a checksum of each MiB */
  add(content: SharedMemory): Promise<readonly number[]>;
  /** @returns the frame's checksum: the low half of XXH64 */
  endFrame(): Promise<number>;
  close(): void;
}

export type HashJob = { readonly call: 'begin' | 'end' } | { readonly content: SharedMemory };

/** What runs in the worker thread, or in this one. */
export async function hashJobs(): Promise<(job: HashJob) => number[]> {
  const { create64 } = await xxhash();
  let hash = create64();
  return (job) => {
    if ('content' in job) {
      hash.update(job.content);
      return contentChecksums(job.content);
    }
    if (job.call === 'end') return [Number(hash.digest() & 0xffff_ffffn)];
    hash = create64();
    return [];
  };
}

/**
 * Measured: the checksums of 1 GiB take 0.4 s, beside 1 s to decompress it. So another thread computes them,
 * but for small files, which are through before that has started.
 */
const LEAST_FOR_THREAD = 8 << 20;

/** @param fileSize of the compressed file */
export async function contentHasher(fileSize: number, signal?: AbortSignal): Promise<ContentHasher> {
  if (fileSize >= LEAST_FOR_THREAD) {
    const pool = new WorkerPool<HashJob, number[]>(workerScript('zstd'), 1, signal);
    return hasherOf(
      (job) => pool.run(job),
      () => pool.close(),
    );
  }
  const run = await hashJobs();
  return hasherOf(
    async (job) => run(job),
    () => {},
  );
}

function hasherOf(run: (job: HashJob) => Promise<number[]>, close: () => void): ContentHasher {
  return {
    beginFrame: async () => void (await run({ call: 'begin' })),
    add: (content) => run({ content }),
    endFrame: async () => (await run({ call: 'end' }))[0]!,
    close,
  };
}
