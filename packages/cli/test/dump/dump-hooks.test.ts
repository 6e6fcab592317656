import { describe, expect, test } from 'vitest';
import { type DumpSample, dumpSample } from '../support/dump-sample.js';
import { linesOf } from '../support/running-cli.js';

/**
 * A hook script that says how it was called, and with which environment, of which a shell sets some itself.
 */
async function tellingScript(sample: DumpSample, failing = 'none'): Promise<string> {
  const tell = `echo "$* |$(/usr/bin/env | /usr/bin/sort | /usr/bin/grep -vE '^(PWD|SHLVL|_|OLDPWD)=' | /usr/bin/tr '\\n' '|')"`;
  const text = `#!/bin/sh\n${tell} >> ${sample.path('calls')}\necho "at $1"\nif [ "$1" = ${failing} ]; then exit 7; fi\n`;
  await sample.write('hook', text, 0o755);
  return sample.path('hook');
}

/** Sorted. */
async function callsOf(sample: DumpSample): Promise<string[]> {
  const calls = (await sample.read('calls')).replaceAll(sample.path('.'), '/sample');
  return linesOf(calls.replace(/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/g, 'STAMP')).sort();
}

const ALWAYS = 'LC_ALL=C|LVM_SUPPRESS_FD_WARNINGS=1|';

describe('a hook script', () => {
  test('is told of each step in its arguments and its environment, and of nothing else', async () => {
    const sample = await dumpSample();
    const script = await tellingScript(sample);
    const { status, stderr } = await sample.dump(['100', '--storage', 'local', '--script', script], {
      env: { SECRET: 'of the host' },
    });
    expect(status).toBe(0);
    const dump = '/sample/storage/dump';
    const target = `${dump}/vzdump-qemu-100-STAMP`;
    const ofJob = `DUMPDIR=${dump}|${ALWAYS}STOREID=local|`;
    const ofGuest = `DUMPDIR=${dump}|HOSTNAME=web|LC_ALL=C|LOGFILE=${target}.log|LVM_SUPPRESS_FD_WARNINGS=1|STOREID=local|TARGET=${target}.vma|VMTYPE=qemu|`;
    expect(await callsOf(sample)).toEqual(
      [
        `job-init |${ALWAYS}STOREID=local|`,
        ...[`job-start |${ofJob}`, `job-end |${ofJob}`],
        ...['backup-start', 'backup-end', 'log-end'].map((phase) => `${phase} stop 100 |${ofGuest}`),
      ].sort(),
    );
    expect(linesOf(stderr).filter((line) => line.startsWith('INFO: at '))).toEqual(
      ['job-init', 'job-start', 'backup-start', 'backup-end', 'log-end', 'job-end'].map(
        (phase) => `INFO: at ${phase}`,
      ),
    );
  });

  test('into a directory, to standard output', async () => {
    const sample = await dumpSample();
    const script = await tellingScript(sample);
    await sample.dump(['100', '--dumpdir', sample.path('storage/archive'), '--script', script]);
    const dumped = await callsOf(sample);
    expect(dumped).toContain(`job-init |DUMPDIR=/sample/storage/archive|${ALWAYS}`);
    expect(dumped.filter((call) => call.includes('STOREID'))).toEqual([]);
    await sample.write('calls', '');
    await sample.dump(['100', '--stdout', '--script', script]);
    expect(await callsOf(sample)).toContain(
      `backup-end stop 100 |HOSTNAME=web|${ALWAYS}TARGET=-|VMTYPE=qemu|`,
    );
  });

  test.each([
    ['job-init', 1, ['job-init'], 'Backup job failed - '],
    ['job-start', 1, ['job-init', 'job-start', 'job-abort'], 'Backup job failed - '],
    [
      'backup-start',
      1,
      ['job-init', 'job-start', 'backup-start', 'backup-abort', 'log-end', 'job-end'],
      'Backup of VM 101 failed - ',
    ],
    [
      'backup-end',
      1,
      ['job-init', 'job-start', 'backup-start', 'backup-end', 'backup-abort', 'log-end', 'job-end'],
      'Backup of VM 101 failed - ',
    ],
    ['log-end', 3, ['job-init', 'job-start', 'backup-start', 'backup-end', 'log-end', 'job-end'], ''],
    [
      'job-end',
      1,
      ['job-init', 'job-start', 'backup-start', 'backup-end', 'log-end', 'job-end', 'job-abort'],
      'Backup job failed - ',
    ],
  ] as const)('that fails at %s', async (failing, expected, phases, prefix) => {
    const sample = await dumpSample();
    const script = await tellingScript(sample, failing);
    const { status, stderr } = await sample.dump(['101', '--script', script]);
    expect(status).toBe(expected);
    expect(linesOf(await sample.read('calls')).map((line) => line.split(' ')[0])).toEqual(phases);
    const guest = /^job-/.test(failing) ? '' : ' stop 101';
    const line = `${prefix}command '${script} ${failing}${guest}' failed: exit code 7`;
    expect(linesOf(stderr)).toContain(`${failing === 'log-end' ? 'WARN' : 'ERROR'}: ${line}`);
    const isWhole = ['backup-end', 'log-end', 'job-end'].includes(failing); // as vzdump has it
    expect(sample.names().filter((name) => name.endsWith('.tar'))).toHaveLength(isWhole ? 1 : 0);
    expect(await sample.read('pve/lxc/101.conf')).not.toMatch(/^lock:/m);
  });

  test.each([
    ['none', 'does not exist'],
    ['text', 'is not executable'],
    ['pve', 'is not a file'],
  ])('that cannot be: %s', async (name, what) => {
    const sample = await dumpSample();
    await sample.write('text', '');
    const { status, stderr } = await sample.dump(['100', '--script', sample.path(name)]);
    const message = `vzdump-format: The hook script '${sample.path(name)}' ${what}.`;
    expect([status, linesOf(stderr)]).toEqual([1, [message]]);
  });
});
