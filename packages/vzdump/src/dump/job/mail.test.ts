import { expect, test } from 'vitest';
import type { GuestResult } from '../dump-options.js';
import { formatMail, type JobSummary } from './mail.js';

const OPTIONS = { host: 'pve.example.com', recipients: ['root', 'admin@example.com'] };

const GOOD: GuestResult = {
  ...{ vmid: 100, type: 'qemu', name: 'web', state: 'ok', error: undefined },
  ...{ archive: '/dump/vzdump-qemu-100-2026_11_20-02_00_00.vma.zst', size: 1_325_400_064, seconds: 100 },
};

const BAD: GuestResult = {
  ...GOOD,
  vmid: 101,
  type: 'lxc',
  name: 'db',
  state: 'failed',
  error: new Error('no'),
};

function summary(changes: Partial<JobSummary>): JobSummary {
  return {
    ...{
      command: 'vzdump 100 --mode stop',
      vmids: [100],
      results: [GOOD],
      logs: new Map([[100, 'a line\n']]),
    },
    ...{ error: undefined, seconds: 3700 },
    ...changes,
  };
}

test('of a job that went well', () => {
  const mail = formatMail(summary({}), OPTIONS);
  expect(mail.replace(/ +$/gm, '')).toBe(`From: vzdump backup tool <root@pve.example.com>
To: root, admin@example.com
Subject: vzdump backup status (pve.example.com): backup successful
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

Details
=======
VMID    Name    Status    Time      Size         Filename
100     web     ok        1m 40s    1.234 GiB    /dump/vzdump-qemu-100-2026_11_20-02_00_00.vma.zst

Total running time: 1h 1m 40s
Total size: 1.234 GiB

Logs
====
vzdump 100 --mode stop

100: a line

`);
  expect(mail).toMatch(/\.vma\.zst {4}\n/);
});

test('of one in which guests failed, or had no turn', () => {
  const logs = new Map([[100, `status: 7\nstatus = running\n${'x'.repeat(2000)}\n`]]);
  const mail = formatMail(summary({ vmids: [100, 101, 102], results: [GOOD, BAD], logs }), OPTIONS);
  expect(mail).toContain('): backup failed\n');
  expect(mail).toMatch(/^101 +db +err +1m 40s +0 B +null *$/m);
  expect(mail).toMatch(/^102 +todo +0s +0 B +null *$/m);
  expect(mail).toContain('\n100: status = running\n100: xxx');
  expect(mail).toContain('\n101: no log available\n');
  expect(mail).not.toContain('status: 7');
  expect(mail.split('\n').filter((line) => line.length > 990)).toEqual([]);
});

test.each([
  ['got timeout', 'Subject: vzdump backup status (pve.example.com): backup failed: got timeout\n'],
  ['one\nother', 'Subject: vzdump backup status (pve.example.com): backup failed: multiple problems\n'],
  [
    'für',
    `Subject: =?UTF-8?B?${Buffer.from('vzdump backup status (pve.example.com): backup failed: für').toString('base64')}?=\n`,
  ],
])('of a job that failed: %j', (error, subject) => {
  const mail = formatMail(summary({ error, results: [] }), OPTIONS);
  expect(mail).toContain(subject);
  expect(mail).toContain(`8bit\n\n${error}\n\nDetails\n`);
});

test('a log that is too long is left out', () => {
  const logs = new Map([[100, 'a line of some length\n'.repeat(60_000)]]);
  expect(formatMail(summary({ logs }), OPTIONS)).toMatch(/====\nLog output was too long to be sent\..*!\n$/);
});
