import { spawnSync } from 'node:child_process';
import { type TestOptions, test } from 'vitest';

/** Debian's packages of the programs that tests need beside those of every system. */
const PROGRAMS = {
  lxc: ['lxc-create', 'lxc-start', 'lxc-info', 'busybox'],
  rsync: ['rsync'],
  btrfs: ['mkfs.btrfs', 'btrfs'],
  xfs: ['mkfs.xfs'],
  root: [],
} as const;

export type Requirement = keyof typeof PROGRAMS;

/** On a machine that runs tests for others, what a test needs is there, or the test fails. */
const REQUIRED = process.env.CI !== undefined;

/** Whether tests that need these are to be run. */
export function isMet(...requirements: readonly Requirement[]): boolean {
  return REQUIRED || missing(requirements).length === 0;
}

/** A test that needs something of the machine; as `root`, to mount and to run containers. */
export function testWith(
  requirements: readonly Requirement[],
  name: string,
  body: () => void | Promise<void>,
  options: TestOptions = {},
): void {
  if (isMet(...requirements)) test(name, options, body);
  else test.skip(`${name} (skipped: needs ${missing(requirements).join(', ')})`, body);
}

function missing(requirements: readonly Requirement[]): readonly string[] {
  const programs = requirements.flatMap((each) => PROGRAMS[each]).filter((each) => !isInstalled(each));
  return process.geteuid?.() === 0 ? programs : ['root', ...programs];
}

function isInstalled(program: string): boolean {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  return found.status === 0;
}
