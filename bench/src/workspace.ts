import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const TMPFS_MAGIC = 0x01021994; // <linux/magic.h>

/**
 * Makes a directory on tmpfs, since a disk's write-back makes figures worthless, and removes it when `use` is
 * done.
 * `BENCH_DIR` names another place than /dev/shm.
 */
export async function withWorkspace(use: (directory: string) => Promise<void>): Promise<void> {
  const parent = process.env.BENCH_DIR ?? '/dev/shm';
  if (statfsSync(parent).type !== TMPFS_MAGIC) console.warn(`warning: ${parent} is not on tmpfs`);
  const directory = mkdtempSync(join(parent, 'vzdump-format-bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // An interrupted benchmark would keep gigabytes of memory; what it has started may still write.
  const onSignal = () => {
    try {
      remove();
      process.exit(1);
    } catch {
      setTimeout(onSignal, 200);
    }
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    await use(directory);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal); // the next workspace has its own
    remove();
  }
}

const CHUNK = 16 * 1024 * 1024;

/**
 * Takes more memory than a contender needs, and gives it back: on a virtual machine, pages that were free for
 * a while belong to the host, and whoever touches them first would pay for getting them back.
 */
export function warmMemory(directory: string, size: number): void {
  const path = join(directory, 'warm');
  const file = openSync(path, 'w');
  const chunk = Buffer.alloc(CHUNK, 1);
  for (let offset = 0; offset < size; offset += chunk.length) writeSync(file, chunk);
  closeSync(file);
  rmSync(path);
}

/** A raw image: random data, then zeros, which are written unless it is to be sparse. */
export function makeImage(path: string, size: number, data: number, dense = true): void {
  const file = openSync(path, 'w');
  const chunk = Buffer.alloc(CHUNK);
  for (let offset = 0; offset < data; offset += chunk.length) writeSync(file, randomFillSync(chunk));
  if (dense) for (let offset = data; offset < size; offset += chunk.length) writeSync(file, chunk.fill(0));
  ftruncateSync(file, size);
  closeSync(file);
}
