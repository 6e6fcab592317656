import { availableParallelism } from 'node:os';
import { ArchiveError } from '@vzdump-format/streams';
import type { LevelRange } from './codec.js';

/** The level to use. @throws `CODEC_LEVEL` when it is not in the range. */
export function checkedLevel(codec: string, levels: LevelRange, level = levels.default): number {
  if (Number.isInteger(level) && level >= levels.min && level <= levels.max) return level;
  const known =
    levels.min === levels.max ? `level ${levels.min} only` : `levels ${levels.min} to ${levels.max}`;
  throw new ArchiveError('CODEC_LEVEL', `${codec} has ${known}, not ${level}`);
}

/** vzdump's meaning of "half the cores": rounded up, at least one. */
export function halfTheCores(cores = availableParallelism()): number {
  return Math.floor((cores + 1) / 2);
}

/** The number of threads to use: 1 unless given, 0 for half the cores. @throws `CODEC_THREADS` */
export function checkedThreads(threads = 1): number {
  if (!Number.isInteger(threads) || threads < 0) {
    throw new ArchiveError('CODEC_THREADS', `not a number of threads: ${threads}`);
  }
  return threads === 0 ? halfTheCores() : threads;
}

/** One main thread cannot feed more readers than this. */
const MAX_READ_THREADS = 4;

/**
 * Reading may use the whole machine unless told otherwise, as someone waits for it. @throws `CODEC_THREADS`
 */
export function defaultReadThreads(threads?: number): number {
  return threads === undefined ? Math.min(MAX_READ_THREADS, availableParallelism()) : checkedThreads(threads);
}

/** @throws `CODEC_WINDOW` */
export function checkedWindowLog(windowLog: number): number {
  if (Number.isInteger(windowLog) && windowLog >= 10 && windowLog <= 31) return windowLog;
  throw new ArchiveError('CODEC_WINDOW', `a zstd window has 2^10 to 2^31 bytes, not 2^${windowLog}`);
}
