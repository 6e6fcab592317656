import { availableParallelism } from 'node:os';

/** What Node's thread pool has unless told otherwise. */
const USUAL_SIZE = 4;
/** For reading and writing beside what compresses. */
const MORE_THAN_CORES = 2;

/**
 * Makes Node's thread pool, in which codecs work, as large as the machine is, unless the user has a say. To
 * be called before it is used.
 */
export function sizeThreadPool(environment = process.env, cores = availableParallelism()): void {
  if (cores + MORE_THAN_CORES <= USUAL_SIZE) return;
  environment.UV_THREADPOOL_SIZE ??= String(cores + MORE_THAN_CORES);
}
