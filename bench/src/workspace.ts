import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const TMPFS_MAGIC = 0x01021994; // <linux/magic.h>

/**
 * Makes a directory on tmpfs, since a disk's write-back makes figures worthless, and removes it when `use` is done.
 * `BENCH_DIR` names another place than /dev/shm.
 */
export async function withWorkspace(use: (directory: string) => Promise<void>): Promise<void> {
  const parent = process.env.BENCH_DIR ?? '/dev/shm';
  if (statfsSync(parent).type !== TMPFS_MAGIC) console.warn(`warning: ${parent} is not on tmpfs`);
  const directory = mkdtempSync(join(parent, 'vzdump-format-bench-'));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
