import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { type HookGuest, HookScript } from './hook-script.js';

const GUEST: HookGuest = {
  ...{ vmid: 100, mode: 'stop', type: 'qemu', hostName: 'web' },
  ...{ storage: 'local', dumpDirectory: '/dump', target: '/dump/a.vma', logFile: '/dump/a.log' },
};

/**
 * What a script is called with: its arguments, and its whole environment but PWD and the like, which the
 * shell sets.
 */
async function recorder(ending = ''): Promise<{ hooks: HookScript; lines: string[]; path: string }> {
  const path = join(await scratch(), 'hook');
  await writeFile(path, `#!/bin/sh\necho "$0" "$@"\n/usr/bin/env | /usr/bin/sort >&2\n${ending}`, {
    mode: 0o755,
  });
  return { hooks: await HookScript.of(path), lines: [], path };
}

function environmentIn(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => /^[A-Z_]+=/.test(line) && !/^(?:PWD|SHLVL|_|OLDPWD)=/.test(line));
}

test('a phase of the job', async () => {
  const { hooks, lines, path } = await recorder();
  const onLine = (line: string) => lines.push(line);
  await hooks.runForJob('job-init', { storage: undefined, dumpDirectory: undefined }, { onLine });
  expect(lines).toContain(`${path} job-init`);
  expect(environmentIn(lines)).toEqual(['LC_ALL=C', 'LVM_SUPPRESS_FD_WARNINGS=1']);
});

test('a phase of a guest', async () => {
  const { hooks, lines, path } = await recorder();
  await hooks.runForGuest('backup-start', GUEST, { onLine: (line) => lines.push(line) });
  expect(lines).toContain(`${path} backup-start stop 100`);
  expect(environmentIn(lines)).toEqual([
    'DUMPDIR=/dump',
    'HOSTNAME=web',
    'LC_ALL=C',
    'LOGFILE=/dump/a.log',
    'LVM_SUPPRESS_FD_WARNINGS=1',
    'STOREID=local',
    'TARGET=/dump/a.vma',
    'VMTYPE=qemu',
  ]);
});

test('what is not known is not told', async () => {
  const { hooks, lines } = await recorder();
  const unknown = { type: undefined, hostName: undefined, target: undefined, logFile: undefined };
  const guest = { ...GUEST, ...unknown, storage: undefined, dumpDirectory: undefined };
  await hooks.runForGuest('backup-abort', guest, { onLine: (line) => lines.push(line) });
  expect(environmentIn(lines)).toEqual(['LC_ALL=C', 'LVM_SUPPRESS_FD_WARNINGS=1']);
});

test('one that fails', async () => {
  const { hooks, path } = await recorder('exit 7\n');
  await expect(hooks.runForGuest('pre-stop', GUEST, { onLine: () => {} })).rejects.toMatchObject({
    code: 'PROGRAM_FAILED',
    message: `command '${path} pre-stop stop 100' failed: exit code 7`,
  });
});

test('one that cannot be called', async () => {
  const directory = await scratch();
  await writeFile(join(directory, 'text'), 'echo', { mode: 0o644 });
  await mkdir(join(directory, 'folder'));
  const fault = (name: string) => HookScript.of(join(directory, name)).catch((error: Error) => error.message);
  expect(await fault('none')).toBe(`The hook script '${directory}/none' does not exist.`);
  expect(await fault('text')).toBe(`The hook script '${directory}/text' is not executable.`);
  expect(await fault('folder')).toBe(`The hook script '${directory}/folder' is not a file.`);
});

test('none at all', async () => {
  const hooks = await HookScript.of(undefined);
  await hooks.runForGuest('backup-start', GUEST, { onLine: () => expect.unreachable() });
});
