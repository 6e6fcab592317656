import { readdirSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isMet, keptScratch, runTool, testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type CalledOnce, FailingCli, type Failure } from '../support/failing-calls.js';
import { runCliWell } from '../support/running-cli.js';
import { contentOf, makeSmallHost } from '../support/small-host.js';

/**
 * What a command may leave behind that is no part of what it does: the log of a backup, the file of the job's
 * lock.
 */
const ASIDE = /\.log$|^lock$/;

interface Scenario {
  readonly name: string;
  /** `DIR` stands for the host's directory. */
  readonly args: string;
  /** What a failure may leave: all as it was, unless given; `parts`: files, each of them whole. */
  readonly leaves?: 'parts';
}

const PACK = '--drive a=DIR/chosen.raw --uuid 01234567-89ab-4cde-8f01-23456789abcd --ctime 1';
const scenarios: readonly Scenario[] = [
  { name: 'restore a VM', args: 'restore DIR/archives/vm.vma 300 --pve-root DIR/pve' },
  { name: 'restore a VM over another', args: 'restore DIR/archives/vm.vma 100 --force --pve-root DIR/pve' },
  {
    name: 'restore a VM over another, onto the path of its disk',
    args: 'restore DIR/archives/vm.vma 102 --force --pve-root DIR/pve --drive scsi0=DIR/chosen.raw',
  },
  { name: 'restore a container', args: 'restore DIR/archives/ct.tar 300 --pve-root DIR/pve' },
  {
    name: 'restore a container over another',
    args: 'restore DIR/archives/ct.tar 101 --force --pve-root DIR/pve',
  },
  { name: 'dump a VM, and prune', args: 'dump 100 DUMP --prune-backups keep-last=1' },
  { name: 'dump a container, and prune', args: 'dump 101 DUMP --prune-backups keep-last=1' },
  { name: 'pack a VM over an archive', args: `pack DIR/out/a.vma --force ${PACK}` },
  { name: 'pack a tree over an archive', args: 'pack DIR/out/a.tar.zst --force --root DIR/tree' },
  { name: 'pack a split archive over another', args: 'pack DIR/out/a.mpxar --force --root DIR/tree' },
  { name: 'unpack a VM over its files', args: 'unpack DIR/archives/vm.vma --force --to DIR/out' },
  { name: 'unpack a tree', args: 'unpack DIR/archives/ct.tar --to DIR/new', leaves: 'parts' },
  {
    name: 'unpack a tree over files',
    args: 'unpack DIR/archives/a.tar --force --to DIR/out',
    leaves: 'parts',
  },
  { name: 'convert a VM', args: 'convert DIR/archives/vm.vma DIR/out/a.vma --force' },
  { name: 'convert a tree to a split archive', args: 'convert DIR/archives/ct.tar DIR/out/a.mpxar --force' },
];

/** Each of these at every call of its kind in turn. */
const FAILURES: readonly Omit<Failure, 'at'>[] = [
  { call: 'fsync', error: 'EIO' },
  { call: 'name', error: 'EIO' },
  { call: 'name', error: 'EIO', done: true },
  { call: 'write', error: 'ENOSPC' },
  { call: 'close', error: 'EIO' },
];

const kept = keptScratch();
let failing: FailingCli;

beforeAll(async () => {
  await kept.make();
  if (!isMet('cc')) return;
  failing = await FailingCli.make(kept.path('.'));
  await makeSmallHost(host());
  await runCliWell(command('dump 100 DUMP'));
  await runCliWell(command('dump 101 DUMP'));
  await runCliWell(command('pack DIR/archives/a.tar --root DIR/tree'));
  const dumps = join(host(), 'storage/dump');
  for (const name of readdirSync(dumps)) {
    if (name.endsWith('.vma')) await rename(join(dumps, name), join(host(), 'archives/vm.vma'));
    if (name.endsWith('.tar')) await rename(join(dumps, name), join(host(), 'archives/ct.tar'));
  }
  for (const name of ['qemu-100-2001_01_01-00_00_00.vma', 'lxc-101-2001_01_01-00_00_00.tar']) {
    await writeFile(join(dumps, `vzdump-${name}`), 'former');
  }
  await rename(host(), kept.path('pristine'));
});

afterAll(kept.remove);

function host(): string {
  return kept.path('host');
}

function command(args: string): string[] {
  const dump = '--pve-root DIR/pve --config /dev/null --lock-file DIR/lock --dumpdir DIR/storage/dump';
  return args
    .replace('DUMP', dump)
    .split(' ')
    .map((each) => each.replace('DIR', host()));
}

/** Puts everything back. */
async function makeAsBefore(): Promise<readonly string[]> {
  await rm(host(), { recursive: true, force: true });
  await runTool('cp', '--archive', kept.path('pristine'), host());
  return contentOf(host(), ASIDE);
}

/**
 * Runs a command with a call that fails. @returns what is wrong with what came of that; nothing if nothing is
 */
async function tryIt(
  scenario: Scenario,
  before: readonly string[],
  after: readonly string[],
  failure: Failure,
) {
  await makeAsBefore();
  const { status, stderr, failed } = await failing.run(command(scenario.args), host(), failure);
  const now = contentOf(host(), ASIDE);
  const isDone = status === 0 || status === 3;
  if (isDone && isDeepStrictEqual(now, after)) return undefined;
  const isLeftWell =
    scenario.leaves === 'parts'
      ? now.every((line) => before.includes(line) || after.includes(line))
      : isDeepStrictEqual(now, before);
  if (status === 1 && isLeftWell && isNamedIn(stderr, failed)) return undefined;
  const expected = isDone ? after : before;
  return {
    status,
    stderr,
    failed,
    missing: expected.filter((line) => !now.includes(line)),
    tooMuch: now.filter((line) => !expected.includes(line)),
  };
}

/**
 * Whether an error says which file it is about: by its path, or, in a tree, by that of the archive's entry.
 */
function isNamedIn(stderr: string, failed: string | undefined): boolean {
  if (failed === undefined || stderr.includes(failed)) return true;
  const [, entry] = /([^\s:]+) cannot be restored: /.exec(stderr) ?? [];
  return entry !== undefined && failed.endsWith(`/${entry}`);
}

describe.each(scenarios)('$name: whatever fails, all is as it was, or done', (scenario) => {
  let before: readonly string[];
  let after: readonly string[];
  let all: readonly CalledOnce[];
  beforeAll(async () => {
    if (!isMet('cc')) return;
    before = await makeAsBefore();
    all = await failing.count(command(scenario.args), host());
    after = contentOf(host(), ASIDE);
  });

  for (const failure of FAILURES) {
    const { call, error, done } = failure;
    testWith(['cc'], `${call} fails with ${error}${done ? ', and is done all the same' : ''}`, async () => {
      const calls = all.filter((each) => each.call === call);
      if (scenario.leaves === undefined) expect(calls).not.toEqual([]);
      const wrong: Record<string, unknown> = {};
      for (const [index, called] of calls.entries()) {
        const found = await tryIt(scenario, before, after, { ...failure, at: index + 1 });
        if (found !== undefined) wrong[`${index + 1}: ${called.text}`] = found;
      }
      expect(wrong).toEqual({});
    });
  }
});
