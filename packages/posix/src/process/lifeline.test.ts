import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { expect, test, vi } from 'vitest';
import { Lifeline } from './lifeline.js';

const MODULE = new URL('../../dist/process/lifeline.js', import.meta.url).href;

/** A program that holds a lifeline which makes this file, and then does something else. */
function holder(file: string, then: string) {
  const program = `
    import { Lifeline } from '${MODULE}';
    const lifeline = await Lifeline.hold(['touch', ${JSON.stringify(file)}]);
    process.stdout.write('held');
    ${then}`;
  return execFile(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 });
}

test('the command is run when the process is killed', async () => {
  const file = join(await scratch(), 'a name');
  const child = holder(file, 'setInterval(() => {}, 1000);');
  await once(child.stdout!, 'data');
  expect(existsSync(file)).toBe(false);
  child.kill('SIGKILL');
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 20_000 });
});

test('the command is run when the process ends without a release, which it is not kept from', async () => {
  const file = join(await scratch(), 'file');
  const child = holder(file, '');
  await once(child, 'exit');
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 20_000 });
});

test('the command is not run after a release, which waits for the end', async () => {
  const file = join(await scratch(), 'file');
  const lifeline = await Lifeline.hold(['touch', file]);
  await lifeline.release();
  await lifeline.release();
  expect(existsSync(file)).toBe(false);
});
