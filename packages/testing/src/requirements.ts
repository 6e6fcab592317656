import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestOptions, test } from 'vitest';
import { scratch } from './temporary-directory.js';

/** Programs that a test needs together, under one name. */
const SETS: Readonly<Record<string, readonly string[]>> = {
  lxc: ['lxc-create', 'lxc-start', 'lxc-info', 'busybox'],
  btrfs: ['mkfs.btrfs', 'btrfs'],
  xfs: ['mkfs.xfs'],
  qemu: ['qemu-img', 'qemu-nbd'],
};

/** On a machine that runs tests for others, what a test needs is there, or the test fails. */
export const REQUIRED = process.env.CI !== undefined || process.env.VZDUMP_FORMAT_REQUIRE_TOOLS !== undefined;

/** Where programs are looked for. Some users have no place for those of root in theirs. */
export function programPath(): string {
  return [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);
}

/**
 * Whether tests that need these are to be run.
 * @param needs programs, sets of them (`lxc`, `btrfs`, `xfs`, `qemu`), and `root`, to mount, say
 */
export function isMet(...needs: readonly string[]): boolean {
  return REQUIRED || missing(needs).length === 0;
}

/** A test that needs something of the machine. Where that is not there, it is skipped, and says so. */
export function testWith(
  needs: readonly string[],
  name: string,
  body: () => void | Promise<void>,
  options: TestOptions = {},
): void {
  if (isMet(...needs)) test(name, options, () => body());
  else test.skip(`${name} (skipped: needs ${missing(needs).join(', ')})`, () => body());
}

/** The same, with a directory of its own. */
export function testInDirectory(
  needs: readonly string[],
  name: string,
  body: (directory: string) => void | Promise<void>,
): void {
  testWith(needs, name, async () => body(await scratch()));
}

function missing(needs: readonly string[]): readonly string[] {
  return needs
    .flatMap((each) => SETS[each] ?? [each])
    .filter((each) => (each === 'root' ? process.geteuid?.() !== 0 : !isInstalled(each)));
}

function isInstalled(program: string): boolean {
  return programPath()
    .split(delimiter)
    .some((directory) => isExecutable(join(directory, program)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
