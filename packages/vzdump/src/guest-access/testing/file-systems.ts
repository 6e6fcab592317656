import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { toolEnvironment } from '@vzdump-format/posix';

/** Bytes that each needs to be made at all. They are sparse. */
const SIZES = { btrfs: 256 << 20, ext4: 32 << 20, xfs: 320 << 20 } as const;
const QUIET = { btrfs: '-q', ext4: '-qF', xfs: '-q' } as const;

/** An image with an empty file system. */
export function makeImage(type: keyof typeof SIZES, path: string): void {
  writeFileSync(path, '');
  truncateSync(path, SIZES[type]);
  run(`mkfs.${type}`, QUIET[type], path);
}

export function mountImage(image: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  run('mount', '-o', 'loop', image, directory);
}

/** Attempts, 50 ms apart: half a minute. */
const MAX_ATTEMPTS = 600;

/** Unmounts what nothing of the test's own uses; rsync does not wait for the processes that it has forked. */
export function unmount(directory: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      run('umount', directory);
      return;
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !(error as Error).message.includes('target is busy')) throw error;
      wait();
    }
  }
}

export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', env: toolEnvironment(), stdio: 'pipe' });
}

/** What of a directory, and below it, this process sees mounted or used by a loop device. */
export function usesOf(directory: string): readonly string[] {
  const lines = `${readFileSync('/proc/self/mountinfo', 'utf8')}${run('losetup', '--list', '--noheadings', '--output', 'BACK-FILE')}`;
  return lines.split('\n').filter((line) => line.includes(directory));
}

/**
 * What of a directory is still in use once all is undone. A mount namespace that another test makes meanwhile
 * (lxc-create does) has a copy of every mount, with which a loop device stays in use until that test ends.
 */
export function usesLeft(directory: string): readonly string[] {
  for (let attempt = 1; attempt < MAX_ATTEMPTS && usesOf(directory).length > 0; attempt++) wait();
  return usesOf(directory);
}

function wait(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
}
