import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { scratch } from '../testing/scratch.js';
import { GuestLogFile } from './guest-log.js';
import { JobLog } from './job-log.js';

const LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /;

afterEach(() => {
  vi.unstubAllEnvs();
});

/** The lines of a file without their times. */
async function linesIn(path: string): Promise<string[]> {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  expect(lines.filter((line) => !LINE.test(line))).toEqual([]);
  return lines.map((line) => line.replace(LINE, ''));
}

test('where logs are kept, the file is that of the last backup', async () => {
  const directory = await scratch();
  for (const message of ['first\nof two lines', 'second']) {
    const log = new GuestLogFile(100, new JobLog(undefined));
    log.open('qemu', directory);
    log.info(message);
    log.close();
  }
  expect(await readdir(directory)).toEqual(['qemu-100.log']);
  expect(await linesIn(join(directory, 'qemu-100.log'))).toEqual(['INFO: second']);
});

test('elsewhere it has no name, so that nobody has to remove it, and can be copied and read', async () => {
  const directory = await scratch();
  await mkdir(join(directory, 'tmp'));
  vi.stubEnv('TMPDIR', join(directory, 'tmp'));
  const log = new GuestLogFile(101, new JobLog(undefined));
  log.open('lxc', join(directory, 'none'));
  expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  log.warn('one');
  log.infoToJob('of the job');
  log.error('two\nlines');
  log.end();
  log.info('too late');
  const copy = join(directory, 'copy');
  await log.copyTo(copy);
  expect(await linesIn(copy)).toEqual(['WARN: one', 'ERROR: two', 'ERROR: lines']);
  expect(await log.beginning(20)).toMatch(LINE);
  log.close();
  await log.copyTo(join(directory, 'nothing'));
  expect((await readdir(directory)).sort()).toEqual(['copy', 'tmp']);
});
