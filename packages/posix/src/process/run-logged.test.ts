import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, test, vi } from 'vitest';
import { runLogged } from './run-logged.js';

/** Runs a shell with a script. @returns the lines that it wrote */
async function shell(script: string, signal?: AbortSignal, onLine = (_line: string) => {}) {
  const lines: string[] = [];
  const told = (line: string, stream: string) => {
    lines.push(`${stream} ${line}`);
    onLine(line);
  };
  await runLogged('/bin/sh', ['-c', script], { env: {}, input: 'given\n', onLine: told, signal });
  return lines;
}

test('every line is told, the last one without an end too', async () => {
  expect(await shell('echo a; printf "b\\n\\nc"')).toEqual(['stdout a', 'stdout b', 'stdout ', 'stdout c']);
  expect(await shell('echo a >&2; cat')).toEqual(expect.arrayContaining(['stderr a', 'stdout given']));
});

test('a line that does not end is told in parts', async () => {
  const lines = await shell('head -c 200000 /dev/zero | tr "\\0" x');
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.map((line) => line.slice('stdout '.length)).join('')).toBe('x'.repeat(200_000));
});

test.each([
  ['exit 3', "command '/bin/sh -c 'exit 3'' failed: exit code 3"],
  ['kill -9 $$', "command '/bin/sh -c 'kill -9 $$'' failed: got signal 9"],
])('%s', async (script, message) => {
  await expect(shell(script)).rejects.toMatchObject({ code: 'PROGRAM_FAILED', message });
});

test('codes that are well', async () => {
  const run = (code: number) => {
    return runLogged('/bin/sh', ['-c', `exit ${code}`], { env: {}, acceptedCodes: [24], onLine: () => {} });
  };
  await run(24);
  await expect(run(23)).rejects.toMatchObject({ code: 'PROGRAM_FAILED' });
});

test('what cannot be started', async () => {
  await expect(runLogged('/nonexistent', ['a'], { env: {}, onLine: () => {} })).rejects.toMatchObject({
    code: 'PROGRAM_FAILED',
    message: expect.stringMatching(/^command '\/nonexistent a' failed: .*ENOENT/),
  });
});

test('an abort ends all that was started, whether it listens or not', async () => {
  const directory = await scratch();
  const reason = new Error('enough');
  const controller = new AbortController();
  const script = `trap '' TERM; sleep 1000 & echo $! > ${directory}/pid; echo ready; wait; sleep 1000`;
  const running = shell(script, controller.signal, (line) => line === 'ready' && controller.abort(reason));
  await expect(running).rejects.toBe(reason);
  const pid = Number(await readFile(join(directory, 'pid'), 'utf8'));
  // who is killed ends when it has its next turn, which may be after ours
  await vi.waitFor(async () => expect(await stateOf(pid)).toMatch(/^[ZX]?$/), { timeout: 30_000 });
});

/** Of a process, as proc(5) has it: Z of one that has ended; empty when it is gone. */
async function stateOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat.replace(/^.*\) /s, '').slice(0, 1);
}

test('an abort before it begins', async () => {
  await expect(shell('exit 0', AbortSignal.abort('early'))).rejects.toBe('early');
});
