import { chown, mkdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { isMet, keptScratch, testWith } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type DumpSample, dumpSample, timelessNames } from '../support/dump-sample.js';
import { linesOf, runCliWell } from '../support/running-cli.js';

const OLDER = (day: number) => `vzdump-qemu-100-2020_01_0${day}-00_00_00.vma`;

describe('which guests', () => {
  test.each([
    [['--all'], [100, 101]],
    [['--all', '1', '--exclude', '101'], [100]],
    [['--exclude', '100'], [101]],
    [
      ['--pool', 'production'],
      [100, 101],
    ],
    [
      ['--pool', 'production', '--exclude', '101'],
      [100, 101],
    ], // as vzdump has it
    [
      ['101', '100'],
      [100, 101],
    ],
    [['0101', '101', '0'], [101]],
    [['100,101'], [100, 101]],
    [['100;101'], [100, 101]],
    [['100 101'], [100, 101]],
    [['100,'], [100]],
    [['--all', '--exclude', '101', '--exclude', '102'], [100]],
  ] as const)('%j', async (args, vmids) => {
    const sample = await dumpSample();
    const { status, stderr } = await sample.dump(args);
    expect(status).toBe(0);
    const started = [...stderr.matchAll(/Starting Backup of VM (\d+)/g)].map(([, vmid]) => Number(vmid));
    expect(started).toEqual(vmids);
  });

  test.each([
    [['100', '--node', 'elsewhere'], /^the job is for the node 'elsewhere', and this is '.+'$/],
    [['--pool', 'testing'], /^the pool 'testing' is empty$/],
    [['--exclude', '100', '--exclude', '101'], /^all guests of this node are excluded$/],
    [['200,201'], /^the guests are on other nodes$/],
  ])('that nothing is backed up is a warning, not a failure: %j', async (args, why) => {
    const sample = await dumpSample();
    for (const vmid of [200, 201]) await sample.write(`pve/nodes/other/lxc/${vmid}.conf`, 'arch: amd64\n');
    const { status, stderr } = await sample.dump([...args, '--quiet']);
    const [, told] = /^WARN: nothing is backed up: (.*)\n$/.exec(stderr) ?? [];
    expect([status, told]).toEqual([3, expect.stringMatching(why)]);
    expect(sample.names()).toEqual([]);
  });

  test('all, where there are none: the job runs, with a warning', async () => {
    const sample = await dumpSample();
    for (const name of ['qemu-server/100.conf', 'lxc/101.conf']) await rm(sample.path(`pve/${name}`));
    const { status, stderr } = await sample.dump(['--all']);
    expect([status, linesOf(stderr)[0]]).toEqual([
      3,
      'WARN: nothing is backed up: there are no guests on this node',
    ]);
    expect(stderr).toContain('INFO: Backup job finished successfully\n');
  });

  test('none, when another job is only to be stopped', async () => {
    const sample = await dumpSample();
    expect(await sample.dump(['--stop', '1'])).toMatchObject({ status: 0, stderr: '' });
  });

  test('a pool by vzdump.conf, where the command line says nothing', async () => {
    const sample = await dumpSample();
    await sample.write('conf', 'pool: production\n');
    const { status, stderr } = await sample.dump([
      '--config',
      sample.path('conf'),
      '--dumpdir',
      sample.path('.'),
    ]);
    expect([status, stderr.match(/Starting Backup of VM \d+/g)]).toEqual([
      0,
      ['Starting Backup of VM 100', 'Starting Backup of VM 101'],
    ]);
  });
});

describe('what is wrong with the command line has status 2, and nothing is done', () => {
  const kept = keptScratch();
  let sample: DumpSample;
  beforeAll(async () => {
    await kept.make();
    sample = await dumpSample(kept.path('.'));
  });
  afterAll(kept.remove);

  test.each([
    [[], 'vmid: property is missing'],
    [['100', '--all'], "all: option conflicts with option 'vmid'"],
    [['1o0'], "strange VM ID '1o0'"],
    [
      ['100', '--storage', 'local', '--dumpdir', '/'],
      "cannot use options 'storage' and 'dumpdir' at the same time",
    ],
    [['100', '--stdout', '--storage', 'local'], "cannot use options 'storage' and 'stdout' at the same time"],
    [['--all', '--stdout'], 'standard output takes the archive of exactly one guest'],
    [['100', '--protected', '1'], "protected: missing property - 'storage'"],
    [['100', '--notes-template', 'x'], "notes-template: missing property - 'storage'"],
    [['100', '--storage', 'local', '--notes-template', '{{x}}'], /found unknown: .*variable 'x'/],
    [['100', '--compress', 'xz'], /^--compress: value 'xz' does not have a value in the enumeration/],
    [['100', '--ionice', '9'], '--ionice: value must have a maximum value of 8'],
    [['100', '--bwlimit', 'fast'], "--bwlimit: type check ('integer') failed - got 'fast'"],
    [['100', '--prune-backups', 'keep-all=1,keep-last=1'], /keep-all cannot be set together/],
    [['100', '--fleecing', '1'], "'storage' parameter is required when 'enabled' is set"],
    [['--stdout', '100'], /^--stdout: /],
    [['100', '--st', '1'], "option '--st' is ambiguous"],
  ] as const)('%j', async (args, message) => {
    const { status, stderr } = await sample.dump(args);
    const [first = '', hint] = linesOf(stderr);
    expect(first.replace('vzdump-format: ', '')).toMatch(message);
    expect([status, hint]).toEqual([2, expect.stringMatching(/^hint: /)]);
    expect(sample.names()).toEqual([]);
  });
});

describe('what is ordinary is told in a line, unless --quiet', () => {
  test.each([
    [['--comp', 'zstd'], "vzdump-format: notice: option '--comp' is taken for '--compress'"],
    [['--maxfiles', '3'], "INFO: option 'maxfiles' is deprecated"],
    [['-job-id', 'backup-1a2b'], /^INFO: option 'job-id' has no effect: /],
    [['-performance', 'max-workers=4'], /^INFO: option 'performance' has no effect: /],
    [['-fleecing', 'enabled=1,storage=local'], /^INFO: option 'fleecing' has no effect: /],
    [['-pbs-change-detection-mode', 'data'], /^INFO: option 'pbs-change-detection-mode' has no effect: /],
  ] as const)('%j', async (args, notice) => {
    const sample = await dumpSample();
    const { status, stderr } = await sample.dump(['100', ...args]);
    expect([status, linesOf(stderr)[0]]).toEqual([0, expect.stringMatching(notice)]);
    expect(await sample.dump(['100', ...args, '--quiet'])).toMatchObject({ status: 0, stderr: '' });
  });

  test('by vzdump.conf, too; a key that is not known is a warning', async () => {
    const sample = await dumpSample();
    await sample.write('conf', 'fleecing: 0\nprune-backup: keep-last=1\nquiet: 1\n');
    const args = ['100', '--config', sample.path('conf')];
    const unknown = `WARN: 'prune-backup' in '${sample.path('conf')}' has no effect: it is not known\n`;
    expect(await sample.dump(args)).toMatchObject({ status: 3, stderr: unknown });
    const { stderr } = await sample.dump([...args, '--quiet', '0']);
    expect(stderr).toContain("INFO: option 'fleecing' has no effect: ");
  });

  testWith(['root'], 'a socket in a container', async () => {
    const sample = await dumpSample();
    const server = createServer();
    const root = sample.path('storage/images/101/subvol-101-disk-0.subvol');
    await new Promise<void>((resolve) => server.listen(`${root}/run.sock`, resolve));
    onTestFinished(() => void server.close());
    await chown(`${root}/run.sock`, 100_000, 100_000);
    const { status, stderr } = await sample.dump(['101']);
    expect([status, linesOf(stderr)]).toEqual([
      0,
      expect.arrayContaining(['INFO: 1 entry left out: a tar archive cannot hold a socket; first run.sock']),
    ]);
  });
});

test('that nobody will be notified as was asked for is a warning', async () => {
  const sample = await dumpSample();
  const { status, stderr } = await sample.dump(['100', '--notification-mode', 'notification-system']);
  const warning = "notification targets and matchers are Proxmox VE's own: nobody is notified of this job";
  expect([status, linesOf(stderr)]).toEqual([3, expect.arrayContaining([`WARN: ${warning}`])]);
});

describe('where it goes', () => {
  test('to standard output: the archive, nothing but the archive, and nothing is left', async () => {
    const sample = await dumpSample();
    const { status, stdout, stderr } = await sample.dump(['101', '--stdout', '--compress', 'zstd']);
    expect([status, sample.names()]).toEqual([0, []]);
    expect(stderr).toContain('INFO: sending archive to stdout\n');
    const config = await runCliWell(['config', '-'], { stdin: stdout });
    expect(config.toString()).toContain('hostname: db\n');
  });

  test.each([['--stdout'], ['--dumpdir', '.']])(
    "vzdump.conf's storage gives way to %s",
    async (...target) => {
      const sample = await dumpSample();
      await sample.write('conf', 'storage: archive\n');
      const args = ['101', '--config', sample.path('conf'), ...target];
      const { status, stderr } = await sample.dump(args, { cwd: sample.path('.') });
      expect([status, stderr.includes('error')]).toEqual([0, false]);
      expect(sample.names('storage/archive/weekly')).toEqual([]);
    },
  );

  test('to a directory, quietly: notes and protection of vzdump.conf do not count', async () => {
    const sample = await dumpSample();
    await sample.write('conf', 'notes-template: {{vmid}}\nprotected: 1\nstorage: archive\n');
    await mkdir(sample.path('out'));
    const dumpdir = `${sample.path('out')}//`;
    const { status, stderr } = await sample.dump([
      ...['100', '--dumpdir', dumpdir, '--quiet', '--config', sample.path('conf')],
    ]);
    expect([status, stderr]).toEqual([0, '']);
    expect(timelessNames(sample.names('out'))).toEqual([
      'vzdump-qemu-100-STAMP.log',
      'vzdump-qemu-100-STAMP.vma',
    ]);
  });

  test('temporary files go where they are told to, and away', async () => {
    const sample = await dumpSample();
    await mkdir(sample.path('tmp'));
    await sample.write(
      'hook',
      `#!/bin/sh\n[ "$1" = backup-start ] && echo ${sample.path('tmp')}/*\n:\n`,
      0o755,
    );
    const { stderr } = await sample.dump([
      '100',
      '--tmpdir',
      sample.path('tmp'),
      '--script',
      sample.path('hook'),
    ]);
    expect(stderr).toMatch(/^INFO: \/.*\/tmp\/vzdumptmp\d+_100$/m);
    expect(sample.names('tmp')).toEqual([]);
  });
});

describe('a container without some of its files', () => {
  test.each([
    [[], ['tmp/scratch', 'var/run/app.pid']],
    [['--stdexcludes', '0'], []],
    [
      ['--exclude-path', '/home/app/?*', '--exclude-path', 'shadow', '--stdexcludes', '1'],
      ['tmp/scratch', 'var/run/app.pid', 'etc/shadow', 'home/app/Grüße.txt', 'home/app/sparse'],
    ],
  ])('%j', async (args, missing) => {
    const sample = await dumpSample();
    await sample.dump(['101', ...args]);
    const { entries } = JSON.parse(
      (await runCliWell(['list', sample.archive('.tar'), '--json'])).toString(),
    ) as { entries: { path: string }[] };
    const all = ['tmp/scratch', 'var/run/app.pid', 'etc/shadow', 'home/app/Grüße.txt', 'home/app/sparse'];
    const paths = new Set(entries.map(({ path }) => path.replace(/^\.\//, '')));
    expect(all.filter((path) => !paths.has(path))).toEqual(missing);
  });
});

describe('what is kept', () => {
  test.each([
    [['--prune-backups', 'keep-last=2'], [OLDER(3)]],
    [['--maxfiles', '2', '--storage', 'local'], [OLDER(3)]],
    [
      ['--maxfiles', '0', '--storage', 'local'],
      [OLDER(1), OLDER(2), OLDER(3)],
    ],
    [
      ['--storage', 'local'],
      [OLDER(2), OLDER(3)],
    ], // storage.cfg says keep-last=3
    [
      ['--prune-backups', 'keep-all=1'],
      [OLDER(1), OLDER(2), OLDER(3)],
    ],
    [
      ['--prune-backups', 'keep-last=4', '--remove', '0'],
      [OLDER(1), OLDER(2), OLDER(3)],
    ],
    [['--prune-backups', 'keep-last=1', '--storage', 'local', '--protected', '1'], [OLDER(3)]],
  ])('%j', async (args, kept) => {
    const sample = await dumpSample();
    for (const day of [1, 2, 3]) await sample.write(`storage/dump/${OLDER(day)}`, 'older');
    const { status } = await sample.dump(['100', ...args]);
    expect([status, sample.names().filter((name) => name.includes('-2020_'))]).toEqual([0, kept]);
  });

  test('nothing is removed when there are too many and --remove 0: the backup fails', async () => {
    const sample = await dumpSample();
    await sample.write(`storage/dump/${OLDER(1)}`, 'older');
    const { status, stderr } = await sample.dump(['100', '--prune-backups', 'keep-last=1', '--remove', '0']);
    expect(stderr).toContain('failed - There is a max backup limit of 1 enforced');
    expect([status, sample.names()]).toEqual([1, [OLDER(1)]]);
  });
});

describe('--mailto', () => {
  async function withSendmail() {
    const sample = await dumpSample();
    await sample.write(
      'bin/sendmail',
      `#!/bin/sh\necho "$*" > ${sample.path('to')}\ncat > ${sample.path('mail')}\n`,
      0o755,
    );
    return { sample, env: { PATH: `${sample.path('bin')}:${process.env.PATH}` } };
  }

  test('tells of each guest, with its log', async () => {
    const { sample, env } = await withSendmail();
    const { status, stderr } = await sample.dump(
      ['100', '999', '--mailto', 'admin@example.org', '--mailto', 'root'],
      {
        env,
      },
    );
    expect(status).toBe(1);
    expect(stderr).toContain("INFO: option 'mailto' is deprecated\n");
    expect(await sample.read('to')).toMatch(/ admin@example\.org root\n$/);
    const mail = await sample.read('mail');
    expect(mail).toMatch(/^Subject: vzdump backup status \(.*\): backup failed$/m);
    expect(mail).toMatch(/^100 +web +ok +.* +\/.*\/vzdump-qemu-100-.*\.vma *$/m);
    expect(mail).toMatch(/^999 +err +\d+s +0 B +null *$/m);
    expect(mail).toMatch(/^100: \d{4}-.* INFO: Finished Backup of VM 100/m);
  });

  test('only of failures, when so asked', async () => {
    const { sample, env } = await withSendmail();
    const { status } = await sample.dump(['100', '--mailto', 'root', '--mailnotification', 'failure'], {
      env,
    });
    expect([status, sample.names('.').includes('mail')]).toEqual([0, false]);
  });

  test('a job that fails as a whole is told of, too', async () => {
    const { sample, env } = await withSendmail();
    const { status } = await sample.dump(['100', '--mailto', 'root', '--dumpdir', '/nonexistent'], { env });
    expect(status).toBe(1);
    expect(await sample.read('mail')).toContain("backup failed: dumpdir '/nonexistent' does not exist\n");
  });
});

describe.runIf(isMet('ionice'))('--ionice', () => {
  for (const [priority, told] of [
    ['7', 'best-effort: prio 7'],
    ['0', 'best-effort: prio 0'],
    ['8', 'idle'],
  ] as const) {
    testWith(['root'], `${priority}, for whatever the job starts`, async () => {
      const sample = await dumpSample();
      await sample.write('hook', '#!/bin/sh\n[ "$1" = job-start ] && /usr/bin/ionice\n:\n', 0o755);
      const { stderr } = await sample.dump(['100', '--ionice', priority, '--script', sample.path('hook')]);
      expect(linesOf(stderr)).toEqual(
        expect.arrayContaining([`INFO: ${told}`, `INFO: ionice priority: ${priority}`]),
      );
    });
  }
});

describe('vzdump.conf', () => {
  test('counts where the command line says nothing; exclude-path adds up', async () => {
    const sample = await dumpSample();
    await sample.write(
      'conf',
      `# of this host
  compress:  lzo
zstd: 2
storage: archive
notes-template: of {{node}}: {{guestname}}
exclude-path: "/home/app/Grüße.txt" shadow
exclude-path: /root
prune-backups: keep-last=1
ionice: 4
bwlimit: lots
nonsense
all: 1
unknown: x
`,
    );
    const older = 'vzdump-lxc-101-2020_01_01-00_00_00.tar';
    await sample.write(`storage/archive/weekly/${older}`, '');
    const args = ['101', '--config', sample.path('conf'), '--ionice', '5', '--exclude-path', 'sparse'];
    const { status, stderr } = await sample.dump(args);
    expect(linesOf(stderr)).toEqual(
      expect.arrayContaining([
        'WARN: ignore config line: nonsense',
        `WARN: 'all' in '${sample.path('conf')}' has no effect: it counts on the command line only`,
        `WARN: 'unknown' in '${sample.path('conf')}' has no effect: it is not known`,
        `WARN: parse error in '${sample.path('conf')}' - 'bwlimit': type check ('integer') failed - got 'lots'`,
        'INFO: ionice priority: 5',
        'INFO: prune older backups with retention: keep-last=2, keep-weekly=4',
      ]),
    );
    expect(status).toBe(3);
    const archive = sample.archive('.tar.lzo', 'storage/archive/weekly');
    expect(await readFile(`${archive}.notes`, 'utf8')).toMatch(/^of \S+: db$/);
    expect(sample.names('storage/archive/weekly')).toContain(older);
    const listing = (await runCliWell(['list', archive])).toString();
    expect(listing).toContain('./etc/hostname\n');
    expect(listing).not.toMatch(/Grüße|shadow|sparse|\.\/root/);
  });

  test('that is not there: the usual one need not, another has to', async () => {
    const sample = await dumpSample();
    const { status, stderr } = await sample.dump(['100', '--config', '/nonexistent/vzdump.conf']);
    expect([status, stderr]).toEqual([
      1,
      'vzdump-format: /nonexistent/vzdump.conf: no such file or directory\n',
    ]);
  });
});
