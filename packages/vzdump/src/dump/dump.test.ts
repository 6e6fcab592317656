import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { openArchive } from '@vzdump-format/archives';
import { FileSource } from '@vzdump-format/streams';
import { openFilesIn } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { commandEcho } from './dump.js';
import type { DumpEvent } from './dump-options.js';
import { sampleDump, timeless } from './testing/sample-dump.js';

/** The names in a directory, without their times. */
async function namesIn(directory: string): Promise<readonly string[]> {
  return timeless(await readdir(directory)).toSorted();
}

async function configIn(archive: string, name?: string): Promise<string> {
  const opened = await openArchive(archive);
  try {
    if (opened.format.kind !== 'disks') throw new Error('not of a VM');
    return Buffer.from(await opened.format.config(opened, name, {})).toString();
  } finally {
    await opened.close();
  }
}

describe('a virtual machine that is stopped', () => {
  test.each(['[a]', '[2024-05-01]', '[pre.update]', '[before update]', '[]'])(
    'lines behind %s say nothing of it: they are not backed up, and are not in the archive',
    async (header) => {
      const sample = await sampleDump();
      const path = sample.path('pve/qemu-server/100.conf');
      const current = (await readFile(path, 'utf8')).replace(/\n\[PENDING\].*$/s, '');
      await writeFile(path, `${current}\n${header}\nscsi0: local:100/vm-100-disk-2.raw\nmemory: 1\n`);
      const { guests, warnings } = await sample.run({ vmids: [100], storage: 'local' });
      expect(sample.log).toContain("INFO: include disk 'scsi0' 'local:100/vm-100-disk-0.raw' 16M");
      expect(await configIn(guests[0]!.archive!)).not.toMatch(/\[|memory: 1\n|disk-2/);
      expect([warnings, sample.log.filter((line) => line.startsWith('WARN'))]).toEqual([
        1,
        [expect.stringMatching(/: skipping unknown section: \[/)],
      ]);
    },
  );

  test('to a storage: the log as vzdump has it', async () => {
    const sample = await sampleDump();
    const before = await readFile(sample.path('pve/qemu-server/100.conf'));
    const { guests, warnings } = await sample.run({
      ...{ vmids: [100], storage: 'local', compress: 'zstd', bwlimit: 102_400 },
      'notes-template': '{{guestname}} ({{vmid}}) of {{cluster}}\\nand more',
      protected: true,
    });
    expect(timeless(sample.log, sample.path(''))).toEqual(
      [
        "starting new backup job: vzdump 100 --storage local --compress zstd --bwlimit 102400 --notes-template '{{guestname}} ({{vmid}}) of {{cluster}}\\nand more' --protected 1",
        'Starting Backup of VM 100 (qemu)',
        'Backup started at TIME',
        'status = stopped',
        'backup mode: stop',
        'bandwidth limit: 102400 KiB/s',
        'ionice priority: 7',
        'VM Name: web',
        "include disk 'scsi0' 'local:100/vm-100-disk-0.raw' 16M",
        "exclude disk 'scsi1' 'local:100/vm-100-disk-1.raw' (backup=no)",
        "skip unused drive 'local:100/vm-100-disk-2.raw' (not included into backup)",
        'snapshots found (not included into backup)',
        'pending configuration changes found (not included into backup)',
        "creating vzdump archive '/sample/storage/dump/vzdump-qemu-100-STAMP.vma.zst'",
        "started backup task 'UUID'",
        '100% (16.0 MiB of 16.0 MiB) in Ns, read: R, write: W',
        'backup is sparse: 15.73 MiB (98%) total zero data',
        'transferred 16.00 MiB in N seconds',
        expect.stringMatching(/^archive file size: 3\dKB$/),
        'adding notes to backup',
        'marking backup as protected',
        'prune older backups with retention: keep-last=3',
        'pruned 0 backup(s)',
        'Finished Backup of VM 100 (00:00:0N)',
        'Backup finished at TIME',
        'Backup job finished successfully',
      ].map((line) => (typeof line === 'string' ? `INFO: ${line}` : expect.stringMatching(/^INFO: archive/))),
    );
    const stem = 'vzdump-qemu-100-STAMP';
    const archive = `${stem}.vma.zst`;
    expect(await namesIn(sample.path('storage/dump'))).toEqual(
      [`${stem}.log`, archive, `${archive}.notes`, `${archive}.protected`].sort(),
    );
    const [result] = guests;
    expect([guests.length, warnings, result?.state, result?.type, result?.name]).toEqual([
      1,
      0,
      'ok',
      'qemu',
      'web',
    ]);
    expect(await readFile(`${result!.archive}.notes`, 'utf8')).toBe('web (100) of standalone node\nand more');
    expect(await readFile(sample.path('pve/qemu-server/100.conf'))).toEqual(before);
    expect(await openFilesIn(sample.path(''))).toEqual([]);
  });

  test('the log beside it has the times, and what is of the guest alone', async () => {
    const sample = await sampleDump();
    const { guests } = await sample.run({ vmids: [100] });
    const text = await readFile(guests[0]!.archive!.replace(/\.vma$/, '.log'), 'utf8');
    const lines = text.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.filter((line) => !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO: /.test(line))).toEqual([]);
    const ofGuest = sample.log.filter((line) => !/new backup job|Backup (?:job|started|finished)/.test(line));
    expect(lines.map((line) => line.slice('2026-11-20 02:00:00 '.length))).toEqual(ofGuest);
  });

  test('the archive holds the configuration, the drives with their map, the firewall', async () => {
    const sample = await sampleDump();
    const { guests } = await sample.run({ vmids: [100] });
    const config = await readFile(sample.path('pve/qemu-server/100.conf'), 'utf8');
    const current = config.slice(0, config.indexOf('[PENDING]'));
    expect(await configIn(guests[0]!.archive!)).toBe(
      `${current.replace(/^(?:unused0|parent):.*\n/gm, '')}#qmdump#map:scsi0:drive-scsi0:local:raw:\n`,
    );
    expect(await configIn(guests[0]!.archive!, 'qemu-server.fw')).toBe(
      await readFile(sample.path('pve/firewall/100.fw'), 'utf8'),
    );
    const disk = await FileSource.open(sample.path('storage/images/100/vm-100-disk-0.raw'));
    const opened = await openArchive(guests[0]!.archive!);
    try {
      if (opened.format.kind !== 'disks') throw new Error('not of a VM');
      const { devices } = await opened.format.list(opened, {});
      expect(devices).toEqual([{ id: 1, name: 'drive-scsi0', size: disk.size }]);
    } finally {
      await opened.close();
      await disk.close();
    }
  });

  test('without disks', async () => {
    const sample = await sampleDump();
    await writeFile(sample.path('pve/qemu-server/102.conf'), 'memory: 512\nide2: none,media=cdrom\n');
    const { guests } = await sample.run({ vmids: [102], dumpdir: sample.path('storage/archive') });
    expect(timeless(sample.log, sample.path('')).slice(4, -3)).toEqual([
      'INFO: backup mode: stop',
      'INFO: ionice priority: 7',
      "INFO: creating vzdump archive '/sample/storage/archive/vzdump-qemu-102-STAMP.vma'",
      'INFO: backup contains no disks',
      'INFO: starting diskless backup',
      'INFO: archive file size: 13KB',
    ]);
    expect(await configIn(guests[0]!.archive!)).toBe('memory: 512\nide2: none,media=cdrom\n');
  });

  test('to standard output: only that, and the log', async () => {
    const sample = await sampleDump();
    const output = new PassThrough();
    const received = buffer(output);
    const { guests } = await sample.run({ vmids: [100], stdout: true, output, compress: 'lzo' });
    output.end();
    expect((await received).subarray(0, 4).toString('latin1')).toBe('\x89LZO');
    expect(guests[0]).toMatchObject({ state: 'ok', archive: undefined });
    expect(sample.log).toContain('INFO: sending archive to stdout');
    expect(sample.log.filter((line) => /prune|file size|creating/.test(line))).toEqual([]);
    expect(await readdir(sample.path('storage/dump'))).toEqual([]);
  });

  test('its configuration, which may hold passwords, stands in no temporary file', async () => {
    const sample = await sampleDump();
    const tmpdir = sample.path('tmp');
    await mkdir(tmpdir);
    const seen: string[][] = [];
    const onEvent = ({ type }: DumpEvent) => {
      if (type === 'progress') seen.push(readdirSync(tmpdir, { recursive: true, encoding: 'utf8' }));
    };
    await sample.run({ vmids: [100], tmpdir, onEvent });
    expect(seen.length).toBeGreaterThan(0);
    for (const names of seen) expect(names).toEqual([expect.stringMatching(/^vzdumptmp\d+_100$/)]);
  });

  test('standard output is for one guest', async () => {
    const sample = await sampleDump();
    const output = new PassThrough();
    await expect(sample.run({ all: true, stdout: true, output })).rejects.toMatchObject({
      code: 'OPTION_CONFLICT',
    });
  });
});

describe('a guest that fails', () => {
  test('keeps no other from its turn, and leaves its log', async () => {
    const sample = await sampleDump();
    await rm(sample.path('storage/images/100/vm-100-disk-0.raw'));
    await writeFile(sample.path('pve/qemu-server/102.conf'), 'name: other\n');
    const { guests } = await sample.run({ vmids: [99_999, 100, 102] });
    expect(guests.map(({ vmid, state }) => [vmid, state])).toEqual([
      [100, 'failed'],
      [102, 'ok'],
      [99_999, 'failed'],
    ]);
    const lines = timeless(sample.log, sample.path(''));
    const missing = 'stat /sample/storage/images/100/vm-100-disk-0.raw: no such file or directory';
    const at = lines.indexOf(`ERROR: ${missing}`);
    expect(lines.slice(at, at + 4)).toEqual([
      `ERROR: ${missing}`,
      'INFO: aborting backup job',
      `ERROR: Backup of VM 100 failed - ${missing}`,
      'INFO: Failed at TIME',
    ]);
    expect(lines).toContain("ERROR: Backup of VM 99999 failed - unable to find VM '99999'");
    expect(lines.at(-1)).toBe('INFO: Backup job finished with errors');
    expect(await namesIn(sample.path('storage/dump'))).toEqual([
      'vzdump-qemu-100-STAMP.log',
      'vzdump-qemu-102-STAMP.log',
      'vzdump-qemu-102-STAMP.vma',
    ]);
  });

  test('is locked by something else', async () => {
    const sample = await sampleDump();
    const config = sample.path('pve/qemu-server/102.conf');
    await writeFile(config, 'name: other\nlock: snapshot\n');
    const { guests } = await sample.run({ vmids: [102] });
    expect(guests[0]).toMatchObject({ state: 'failed', error: { code: 'GUEST_LOCKED' } });
    expect(sample.log).toContain('ERROR: Backup of VM 102 failed - VM is locked (snapshot)');
    expect(await readFile(config, 'utf8')).toBe('name: other\nlock: snapshot\n');
  });

  test('an image that is not of its format', async () => {
    const sample = await sampleDump();
    const config = sample.path('pve/qemu-server/102.conf');
    await writeFile(config, `scsi0: ${sample.path('disk.qcow2')}\n`);
    await writeFile(sample.path('disk.qcow2'), 'no qcow2 image');
    const { guests } = await sample.run({ vmids: [102] });
    expect(guests[0]).toMatchObject({ state: 'failed', archive: undefined });
    expect(await namesIn(sample.path('storage/dump'))).toEqual(['vzdump-qemu-102-STAMP.log']);
    expect(await readFile(config, 'utf8')).toBe(`scsi0: ${sample.path('disk.qcow2')}\n`);
  });

  test('notes that cannot be are a warning, a protection that cannot be is a failure', async () => {
    const sample = await sampleDump();
    await writeFile(sample.path('pve/corosync.conf'), 'totem {\n  cluster_name: prod\n}\n');
    const first = await sample.run({ vmids: [100], storage: 'local', 'notes-template': '{{cluster}}' });
    expect(await readFile(`${first.guests[0]!.archive}.notes`, 'utf8')).toBe('prod');
    await rm(sample.path('pve/corosync.conf'));
    await mkdir(sample.path('pve/corosync.conf'));
    const second = await sample.run({ vmids: [100], storage: 'local', 'notes-template': '{{cluster}}' });
    expect([second.guests[0]!.state, second.warnings]).toEqual(['ok', 1]);
    expect(sample.log).toContainEqual(expect.stringMatching(/^WARN: unable to add notes - /));
  });
});

describe('older backups', () => {
  async function withOlder(names: readonly string[], folder: string) {
    const sample = await sampleDump();
    for (const name of names) await writeFile(join(sample.path(folder), name), '');
    return sample;
  }
  const older = (day: number, ending = '') => `vzdump-qemu-100-2020_01_0${day}-00_00_00.vma${ending}`;

  test('are pruned as the storage says', async () => {
    const sample = await withOlder([older(1), older(2), older(3), older(3, '.notes')], 'storage/dump');
    await sample.run({ vmids: [100], storage: 'local' });
    expect(sample.log).toEqual(
      expect.arrayContaining([
        'INFO: prune older backups with retention: keep-last=3',
        `INFO: removing backup 'local:backup/${older(1)}'`,
        'INFO: pruned 1 backup(s) not covered by keep-retention policy',
      ]),
    );
    expect(await readdir(sample.path('storage/dump'))).toEqual(
      expect.arrayContaining([older(2), older(3), older(3, '.notes')]),
    );
  });

  test('are pruned in a directory, other guests and protected ones not', async () => {
    const other = 'vzdump-qemu-101-2020_01_01-00_00_00.vma';
    const names = [older(1), older(1, '.protected'), older(2), other];
    const sample = await withOlder(names, 'storage/archive');
    const dumpdir = sample.path('storage/archive');
    await sample.run({ vmids: [100], dumpdir, 'prune-backups': { last: 1 } });
    expect(sample.log).toContain(`INFO: delete old backup '${join(dumpdir, older(2))}'`);
    expect(await namesIn(dumpdir)).toEqual(
      [
        ...timeless([older(1), older(1, '.protected'), other]),
        'vzdump-qemu-100-STAMP.log',
        'vzdump-qemu-100-STAMP.vma',
        'weekly',
      ].sort(),
    );
  });

  test('stay when nothing is to be removed, and there may be too many of them', async () => {
    const sample = await withOlder([older(1), older(2), older(3)], 'storage/dump');
    const { guests } = await sample.run({ vmids: [100], storage: 'local', remove: false });
    expect(guests[0]).toMatchObject({ state: 'failed', error: { code: 'BACKUP_LIMIT' } });
    expect(await readdir(sample.path('storage/dump'))).toEqual([older(1), older(2), older(3)]);
    expect(sample.log).toContainEqual(
      expect.stringMatching(/^ERROR: Backup of VM 100 failed - There is a max backup limit of 3 enforced/),
    );
  });

  test('protected ones can be too many', async () => {
    const names = [older(1), older(1, '.protected'), older(2), older(2, '.protected')];
    const sample = await withOlder(names, 'storage/archive/weekly');
    const { guests } = await sample.run({ vmids: [100], storage: 'archive', protected: true });
    expect(guests[0]).toMatchObject({
      error: { message: expect.stringContaining('limited to 2 on storage') },
    });
  });
});

describe('which guests', () => {
  test('those of a pool, on another node, of none', async () => {
    const sample = await sampleDump();
    await mkdir(sample.path('pve/nodes/other/qemu-server'), { recursive: true });
    await writeFile(sample.path('pve/nodes/other/qemu-server/200.conf'), '');
    const { guests } = await sample.run({ vmids: [100, 200] });
    expect(guests.map(({ vmid }) => vmid)).toEqual([100]);
    expect(sample.log[1]).toBe('INFO: skip external VMs: 200');
    expect((await sample.run({ vmids: [200] })).guests).toEqual([]);
    expect((await sample.run({ vmids: [100], node: 'elsewhere' })).guests).toEqual([]);
    await expect(sample.run({ vmids: [100], all: true })).rejects.toMatchObject({ code: 'OPTION_CONFLICT' });
    await expect(sample.run({})).rejects.toMatchObject({ code: 'OPTION_REQUIRES' });
  });

  test('where archives cannot go', async () => {
    const sample = await sampleDump();
    const run = sample.run({ vmids: [100], dumpdir: sample.path('none') });
    await expect(run).rejects.toMatchObject({ code: 'DUMP_DIRECTORY' });
    expect(sample.log.at(-1)).toMatch(/^ERROR: Backup job failed - dumpdir '.*\/none' does not exist$/);
    await expect(sample.run({ vmids: [100], storage: 'none' })).rejects.toMatchObject({
      code: 'STORAGE_UNKNOWN',
    });
  });
});

test('vzdump.conf counts where the options say nothing', async () => {
  const sample = await sampleDump();
  const configFile = sample.path('vzdump.conf');
  await writeFile(
    configFile,
    `dumpdir: ${sample.path('storage/archive')}\ncompress: gzip\nionice: 5\nnonsense\n`,
  );
  const { guests, warnings } = await sample.run({ vmids: [100], configFile, ionice: 6 });
  expect(guests[0]!.archive).toMatch(/storage\/archive\/vzdump-qemu-100-.*\.vma\.gz$/);
  expect(sample.log).toContain('INFO: ionice priority: 6');
  expect([warnings, sample.log[0]]).toEqual([1, 'WARN: ignore config line: nonsense']);
});

test('quiet, by vzdump.conf: only what is wrong is told, and the log beside the archive is whole', async () => {
  const sample = await sampleDump();
  const configFile = sample.path('vzdump.conf');
  await writeFile(configFile, 'quiet: yes\n');
  const { guests } = await sample.run({ vmids: [100, 99_999], configFile });
  expect(sample.log).toEqual(["ERROR: Backup of VM 99999 failed - unable to find VM '99999'"]);
  const log = await readFile(guests[0]!.archive!.replace(/\.vma$/, '.log'), 'utf8');
  expect(log).toContain(' INFO: Finished Backup of VM 100');
  await sample.run({ vmids: [100], configFile, quiet: false });
  expect(sample.log.at(-1)).toBe('INFO: Backup job finished successfully');
});

test('an abort ends the job, and nothing of it is left', async () => {
  const sample = await sampleDump();
  await truncate(sample.path('storage/images/100/vm-100-disk-0.raw'), 1 << 30);
  const before = await readFile(sample.path('pve/qemu-server/100.conf'));
  const controller = new AbortController();
  const reason = new Error('enough');
  const run = sample.run({
    ...{ vmids: [100, 101], storage: 'local', bwlimit: 64, signal: controller.signal },
    onEvent: (event) => {
      if (event.type === 'log') (sample.events as unknown[]).push(event);
      if (event.type === 'progress') controller.abort(reason);
    },
  });
  await expect(run).rejects.toBe(reason);
  expect(sample.log.slice(-5)).toEqual([
    'ERROR: interrupted by signal',
    'INFO: aborting backup job',
    'ERROR: Backup of VM 100 failed - interrupted by signal',
    expect.stringMatching(/^INFO: Failed at /),
    'ERROR: Backup job failed - interrupted by signal',
  ]);
  expect(await namesIn(sample.path('storage/dump'))).toEqual(['vzdump-qemu-100-STAMP.log']);
  expect(await readFile(sample.path('pve/qemu-server/100.conf'))).toEqual(before);
  expect(await openFilesIn(sample.path(''))).toEqual([]);
});

test('two backups of a guest in one second have two names', async () => {
  const sample = await sampleDump();
  await writeFile(sample.path('pve/qemu-server/102.conf'), 'name: small\n');
  const results = [await sample.run({ vmids: [102] }), await sample.run({ vmids: [102] })];
  const [one, other] = results.map(({ guests }) => guests[0]!);
  expect([one!.state, other!.state]).toEqual(['ok', 'ok']);
  expect(one!.archive).not.toBe(other!.archive);
});

test.each([
  [[100, 101], {}, 'vzdump 100 101'],
  [[], { all: true, exclude: [1000, 2000], quiet: false }, 'vzdump --all 1 --exclude 1000,2000 --quiet 0'],
  [[100], { 'exclude-path': ['/a b', '/c*', ''] }, "vzdump 100 --exclude-path '/a b' --exclude-path '/c*'"],
  [[100], { script: "/it's", mailto: ['a@b', 'c'] }, "vzdump 100 --script '/it'\\''s' --mailto a@b,c"],
  [
    [100],
    { 'prune-backups': { last: 3, daily: 7 }, performance: new Map([['max-workers', '4']]) },
    'vzdump 100 --prune-backups keep-daily=7,keep-last=3 --performance max-workers=4',
  ],
  [[100], { stdout: true, 'job-id': 'x', tmpdir: '', bwlimit: 10 }, 'vzdump 100 --bwlimit 10'],
] as const)('%j %j', (vmids, options, command) => {
  expect(commandEcho(vmids, options)).toBe(command);
});
