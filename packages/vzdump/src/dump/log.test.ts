import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DirectoryStore } from '@vzdump-format/stores';
import { scratch } from '@vzdump-format/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { GuestLogFile, JobLog } from './log.js';

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

test('nothing that archives or programs say begins a line of its own, or acts on a terminal', async () => {
  const directory = await scratch();
  const told: string[] = [];
  const job = new JobLog((event) => event.type === 'log' && told.push(event.message));
  const log = new GuestLogFile(100, job);
  log.open('lxc', directory);
  const code = 'TREE_VANISHED';
  log.onWarning({ code, message: 'a\nINFO: Finished Backup of VM 100 (00:00:01) vanished' });
  log.info('of a hook\tscript\x1b[2J\udcff\u202e\nits second line');
  job.onWarning({ code, message: 'b\nc' });
  log.close();
  const ofGuest = [
    'a\\x0aINFO: Finished Backup of VM 100 (00:00:01) vanished',
    'of a hook    script\\x1b[2J\\xff\\u{202e}',
    'its second line',
  ];
  expect(told).toEqual([...ofGuest, 'b\\x0ac']);
  const [first, ...others] = ofGuest;
  expect(await linesIn(join(directory, 'lxc-100.log'))).toEqual([
    `WARN: ${first}`,
    ...others.map((line) => `INFO: ${line}`),
  ]);
});

test('elsewhere it has no name, so that nobody has to remove it, and can be copied and read', async () => {
  const directory = await scratch();
  const guest = { type: 'lxc', vmid: 101 } as const;
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
  const store = new DirectoryStore(directory);
  const [writer, later] = [await store.begin(guest), await store.begin({ ...guest, vmid: 102 })];
  await log.keepIn(writer);
  expect(await linesIn(writer.logPath)).toEqual(['WARN: one', 'ERROR: two', 'ERROR: lines']);
  expect(await log.beginning(20)).toMatch(LINE);
  log.close();
  await log.keepIn(later);
  expect((await readdir(directory)).sort()).toEqual(['tmp', basename(writer.logPath)]);
});
