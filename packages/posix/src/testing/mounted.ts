import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';

/** Bytes that each needs to be made at all. They are sparse. */
const SIZES = { btrfs: 128 << 20, xfs: 320 << 20 } as const;

/**
 * Lets a test use a file system of its own, mounted in `directory`. Skips the test where that cannot be had,
 * but not on a machine that runs tests for others (`CI`).
 */
export function withFileSystem(
  context: TestContext,
  type: keyof typeof SIZES,
  directory: string,
  use: (root: string) => void,
): void {
  const root = join(directory, 'mounted');
  try {
    mount(type, join(directory, 'image'), root);
  } catch (error) {
    if (process.env.CI) throw error;
    context.skip(`needs root, mkfs.${type} and a free loop device`);
  }
  try {
    use(root);
  } finally {
    execFileSync('umount', [root]);
  }
}

function mount(type: keyof typeof SIZES, image: string, root: string): void {
  writeFileSync(image, '');
  truncateSync(image, SIZES[type]);
  execFileSync(`mkfs.${type}`, ['-q', image], { stdio: 'pipe' });
  mkdirSync(root);
  execFileSync('mount', ['-o', 'loop', image, root], { stdio: 'pipe' });
}
