import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { dumpSample, timelessLog, timelessNames } from '../support/dump-sample.js';

/** Of each guest, before what it is made of. */
const BEGUN = `INFO: Backup started at TIME
INFO: status = stopped
INFO: backup mode: stop
INFO: ionice priority: 7`;

/** Of each guest, once its archive is there. */
const KEPT = `INFO: adding notes to backup
INFO: marking backup as protected
INFO: prune older backups with retention: keep-last=3
INFO: pruned 0 backup(s)`;

/** What monitors read; of the guests of examples/pve, one after the other. */
const LOG = `INFO: starting new backup job: vzdump 100 101 999 --compress zstd --notes-template '{{guestname}}' --protected 1 --storage local
INFO: Starting Backup of VM 100 (qemu)
${BEGUN}
INFO: VM Name: web
INFO: include disk 'scsi0' 'local:100/vm-100-disk-0.raw' 16M
INFO: exclude disk 'scsi1' 'local:100/vm-100-disk-1.raw' (backup=no)
INFO: skip unused drive 'local:100/vm-100-disk-2.raw' (not included into backup)
INFO: snapshots found (not included into backup)
INFO: pending configuration changes found (not included into backup)
INFO: creating vzdump archive '/sample/storage/dump/vzdump-qemu-100-STAMP.vma.zst'
INFO: started backup task 'UUID'
INFO: 100% (16.0 MiB of 16.0 MiB) in Ns, read: R, write: W
INFO: backup is sparse: 15.73 MiB (98%) total zero data
INFO: transferred 16.00 MiB in N seconds
INFO: archive file size: 30KB
${KEPT}
INFO: Finished Backup of VM 100 (HH:MM:SS)
INFO: Backup finished at TIME
INFO: Starting Backup of VM 101 (lxc)
${BEGUN}
INFO: CT Name: db
INFO: including mount point rootfs ('/') in backup
INFO: including mount point mp0 ('/srv/data') in backup
INFO: excluding volume mount point mp1 ('/var/cache/app') from backup (disabled)
INFO: excluding bind mount point mp2 ('/mnt/shared') from backup (not a volume)
INFO: creating vzdump archive '/sample/storage/dump/vzdump-lxc-101-STAMP.tar.zst'
INFO: Total bytes written: 51200
INFO: archive file size: 1KB
${KEPT}
INFO: Finished Backup of VM 101 (HH:MM:SS)
INFO: Backup finished at TIME
ERROR: Backup of VM 999 failed - unable to find VM '999'
INFO: hint: there is neither qemu-server/999.conf nor lxc/999.conf in /sample/pve
INFO: Failed at TIME
INFO: Backup job finished with errors
vzdump-format: job errors`;

/** Lines of the job, which are in no guest's own log. */
const OF_THE_JOB =
  /^INFO: (starting new backup job|Backup started at|Backup finished at|Backup job finished)/;

const ARGS = ['100', '101', '999', '--compress', 'zstd', '--storage', 'local'];
const NOTES = ['--notes-template', '{{guestname}}', '--protected', '1'];

test('the log of a job, on standard error without times, and beside each archive with them', async () => {
  const sample = await dumpSample();
  const { status, stderr, stdout } = await sample.dump([...ARGS, ...NOTES]);
  const lines = timelessLog(stderr, sample);
  expect(lines.map((line) => line.replace(/: [23]\dKB$/, ': 30KB'))).toEqual(LOG.split('\n'));
  expect([status, stdout.length]).toEqual([1, 0]);
  const archives = ['vzdump-lxc-101-STAMP.tar.zst', 'vzdump-qemu-100-STAMP.vma.zst'];
  expect(timelessNames(sample.names())).toEqual(
    archives
      .flatMap((name) => [
        ...[name.replace(/\.(tar|vma)\.zst$/, '.log'), name],
        ...[`${name}.notes`, `${name}.protected`],
      ])
      .sort(),
  );
  for (const [ending, ofOthers] of [
    ['.vma.zst', lines.indexOf('INFO: Starting Backup of VM 101 (lxc)')],
    ['.tar.zst', lines.findIndex((line) => line.startsWith('ERROR'))],
  ] as const) {
    const archive = sample.archive(ending);
    const log = await readFile(archive.replace(ending, '.log'), 'utf8');
    expect(log).toMatch(/^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (INFO|WARN|ERROR): .+\n)+$/);
    const start = lines.findIndex((line) => line.includes(ending === '.vma.zst' ? 'VM 100' : 'VM 101'));
    const own = lines.slice(start, ofOthers).filter((line) => !OF_THE_JOB.test(line));
    expect(timelessLog(log.replace(/^.{20}/gm, ''), sample)).toEqual(own);
    expect(await readFile(`${archive}.notes`, 'utf8')).toBe(ending === '.vma.zst' ? 'web' : 'db');
  }
});

test('as JSON: a line each, and what came of each guest on standard output', async () => {
  const sample = await dumpSample();
  const { status, stderr, stdout } = await sample.dump([...ARGS, '--json']);
  expect(status).toBe(1);
  const lines = stderr.trim().split('\n');
  const documents = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(documents.at(-1)).toEqual({ type: 'error', code: 'JOB_ERRORS', message: 'job errors' });
  expect(documents).toContainEqual({ type: 'log', level: 'info', vmid: 101, message: 'CT Name: db' });
  expect(JSON.parse(stdout.toString())).toEqual({
    guests: [
      {
        ...{ vmid: 100, type: 'qemu', name: 'web', state: 'ok', archive: sample.archive('.vma.zst') },
        ...{ size: expect.any(Number), seconds: expect.any(Number) },
      },
      {
        ...{ vmid: 101, type: 'lxc', name: 'db', state: 'ok', archive: sample.archive('.tar.zst') },
        ...{ size: expect.any(Number), seconds: expect.any(Number) },
      },
      {
        ...{ vmid: 999, state: 'failed', size: 0, seconds: expect.any(Number) },
        error: {
          ...{ code: 'GUEST_UNKNOWN', message: "unable to find VM '999'" },
          hint: expect.stringContaining('there is neither qemu-server/999.conf nor lxc/999.conf in '),
        },
      },
    ],
  });
});
