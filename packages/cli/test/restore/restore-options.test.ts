import { readFile, rename } from 'node:fs/promises';
import { basename } from 'node:path';
import { testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { linesOf, runCli, runCliWell } from '../support/running-cli.js';
import { makeSampleGuests, type SampleGuests } from '../support/sample-guests.js';

/** Lines without what is different each time. */
function timeless(text: string, { directory }: SampleGuests): string[] {
  return linesOf(text)
    .filter((line) => !line.startsWith('progress '))
    .map((line) =>
      line
        .replaceAll(directory, '/sample')
        .replace(/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/g, 'STAMP')
        .replace(/^CTIME: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/, 'CTIME: TIME'),
    );
}

describe('what it says', () => {
  test('of a virtual machine, with the limits of its storages', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100, '--compress', 'zstd');
    const inStorage = sample.path(`storage/dump/${basename(archive)}`);
    await rename(archive, inStorage);
    const { stderr, stdout } = await sample.restore(`local:backup/${basename(archive)}`, '300');
    expect(stdout.length).toBe(0);
    expect(timeless(stderr, sample)).toEqual([
      'applying read rate limit: 102400',
      'restore vma archive: /sample/storage/dump/vzdump-qemu-100-STAMP.vma.zst',
      'CFG: size: 627 name: qemu-server.conf',
      'CFG: size: 143 name: qemu-server.fw',
      'DEV: dev_id=1 size: 16777216 devname: drive-scsi0',
      'CTIME: TIME',
      "new volume ID is 'local:300/vm-300-disk-0.raw'",
      'rate limit for storage local: 102400 KiB/s',
      "map 'drive-scsi0' to '/sample/storage/images/300/vm-300-disk-0.raw' (write zeros = 0)",
      'total bytes read 16777216, sparse bytes 16252928 (96.9%)',
      'space reduction due to 4K zero blocks 46.1%',
      'rescan volumes...',
      'restored VM 300: /sample/pve/qemu-server/300.conf',
    ]);
    expect(linesOf(stderr)).toContainEqual(
      expect.stringMatching(/^progress 100% \(read 16777216 bytes, duration \d+ sec\)$/),
    );
  });

  test('of an archive with an index nothing else, and it is the same guest', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100, '--compress', 'gzip');
    await runCliWell(['index', archive]);
    const env = { NODE_DEBUG: 'vzdump-format' };
    const usesIndex: boolean[] = [];
    for (const args of [['300'], ['301', '--no-index']]) {
      const restored = await runCli(['restore', archive, ...args, ...sample.pveRoot], { env });
      expect(restored.status).toBe(0);
      usesIndex.push(restored.stderr.includes('.idx: the index is used'));
    }
    expect(usesIndex).toEqual([true, false]);
    const volumes = [300, 301].map((vmid) => sample.volume(vmid, `vm-${vmid}-disk-0.raw`));
    const [first, second] = await Promise.all(volumes.map((path) => readFile(path)));
    expect(first!.equals(second!)).toBe(true);
  });

  testWith(['root'], 'of a container', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(101);
    const args = [archive, '300', '--bwlimit', '0', '--unused0', 'local:x'];
    const { status, stderr } = await sample.restore(...args);
    expect(status).toBe(0);
    expect(timeless(stderr, sample)).toEqual([
      'vzdump-format: notice: --unused0 has no effect on a restore',
      "extracting archive '/sample/storage/archive/vzdump-lxc-101-STAMP.tar'",
      'acts on the host: mp2: /sample/storage/shared,mp=/mnt/shared,ro=1',
      "new volume ID is 'local:300/subvol-300-disk-0.subvol'",
      "new volume ID is 'local:300/subvol-300-disk-1.subvol'",
      "new volume ID is 'local:300/subvol-300-disk-2.subvol'",
      expect.stringMatching(/^restored \d+ entries, files of \d+ bytes$/),
      'restored CT 300: /sample/pve/lxc/300.conf',
    ]);
  });

  test('with --quiet: nothing; with --progress=json: progress in place of the lines', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100);
    const quiet = await sample.restore(archive, '300', '--quiet', '--unused0', 'local:x', '--stor', 'local');
    expect([quiet.status, quiet.stderr]).toEqual([0, '']);
    const told = await sample.restore(archive, '301', '--json', '--progress=json', '--uniq');
    const documents = linesOf(told.stderr).map((line) => JSON.parse(line));
    expect(documents[0]).toEqual({
      type: 'notice',
      code: 'OPTION_ABBREVIATED',
      message: "option '--uniq' is taken for '--unique'",
    });
    expect(documents.some(({ type, percent }) => type === 'progress' && percent === 100)).toBe(true);
    expect(documents.filter(({ message }) => /^progress /.test(message))).toEqual([]);
  });
});

describe("a container's configuration", () => {
  testWith(['root'], 'has what the command line says', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(101, '--compress', 'zstd');
    const { status } = await sample.restore(
      ...[archive, '300', '--rootfs', 'local:0', '--mp7', '0,mp=/srv/data,backup=1', '--unique'],
      ...['--hostname', 'copy', '--memory', '1024', '--cores', '2', '--cpulimit', '1.5', '--onboot', 'no'],
      ...['--net1', 'name=eth1,bridge=vmbr1', '--description', 'A copy', '--start', 'no', '--tags=a;b'],
      ...['--tags', 'c', '--nameserver', '192.0.2.1', '--nameserver', '192.0.2.2 2001:db8::1'],
      ...['--searchdomain', 'example.org', '--searchdomain', 'example.com'],
    );
    expect(status).toBe(0);
    const config = (await sample.config('lxc/300.conf'))!;
    expect(config.split('\n').slice(0, -3)).toEqual([
      '#A copy',
      'arch: amd64',
      'cores: 2',
      'cpulimit: 1.5',
      'features: nesting=1',
      'hostname: copy',
      'memory: 1024',
      'mp7: local:300/subvol-300-disk-1.subvol,backup=1,mp=/srv/data,size=0T',
      'nameserver: 192.0.2.1 192.0.2.2 2001:db8::1',
      expect.stringMatching(/^net0: name=eth0,bridge=vmbr0,.*hwaddr=BC:24:11:(?!00:00:65)[\dA-F:]+,ip=/),
      expect.stringMatching(/^net1: name=eth1,bridge=vmbr1,hwaddr=BC:24:11:[\dA-F:]+$/),
      'onboot: 0',
      'ostype: debian',
      'rootfs: local:300/subvol-300-disk-0.subvol,size=0T',
      'searchdomain: example.org example.com',
      'swap: 256',
      'tags: a;b;c',
      'unprivileged: 1',
    ]);
  });
});

test('options may be written as Proxmox VE takes them, too', async () => {
  const sample = await makeSampleGuests();
  const archive = await sample.dump(100);
  const { status, stderr } = await sample.restore(archive, '300', '-stor', 'local', '-unique', '1');
  expect([status, linesOf(stderr)[0]]).toEqual([
    0,
    "vzdump-format: notice: option '-stor' is taken for '--storage'",
  ]);
  const mac = /^net0: virtio=(.*?),/m;
  const config = (await sample.config('qemu-server/300.conf'))!;
  expect(mac.exec(config)![1]).not.toBe(mac.exec((await sample.config('qemu-server/100.conf'))!)![1]);
});

test('a virtual machine without disks is restored as well', async () => {
  const sample = await makeSampleGuests();
  await sample.edit('qemu-server/100.conf', (text) => text.replace(/^(scsi\d|unused0): .*\n/gm, ''));
  const archive = await sample.dump(100, '--compress', 'zstd');
  const { status, stderr } = await sample.restore(archive, '300');
  expect([status, linesOf(stderr)]).toEqual([
    0,
    expect.arrayContaining(['vma archive contains no image data']),
  ]);
  expect(await sample.config('qemu-server/300.conf')).toContain('name: web\n');
});

describe('what cannot be asked for has status 2, and nothing is done', () => {
  const cases: readonly (readonly [readonly string[], RegExp, RegExp])[] = [
    [['ARCHIVE', '99'], /^VMID takes a whole number, 100 to 999999999, not '99'$/, /restore --help/],
    [['300', 'ARCHIVE'], /^the archive comes first, then the number$/, /^restore \/.* 300$/],
    [['ARCHIVE'], /missing required argument 'vmid'/, /restore --help/],
    [['--force', 'ARCHIVE', '300'], /^--force: type check \('boolean'\) failed/, /or give --force 1$/],
    [['ARCHIVE', '300', '--live-restore'], /only compatible with .* Proxmox Backup Server$/, /started when/],
    [['ARCHIVE', '300', '--ha-managed', '1'], /^--ha-managed is not possible/, /^leave it out/],
    [['ARCHIVE', '300', '--bwlimit', '-1'], /^--bwlimit: value must have a minimum value of 0$/, /--help/],
    [['ARCHIVE', '300', '--memory', 'much'], /^--memory: type check \('integer'\) failed/, /--help/],
    [['ARCHIVE', '300', '--drive', 'scsi0'], /^--drive takes NAME=PATH/, /--help/],
    [['ARCHIVE', '300', '--drive', 'a=b', '--drive', 'a=c'], /^--drive a is given twice$/, /--help/],
    [['ARCHIVE', '300', '--mp0', '1', '--mp0', '1'], /^--mp0 is given twice$/, /--help/],
    [['ARCHIVE', '300', '--mpN', '1'], /^--mpN?: N is a number$/, /^as --mp0$/],
    [['ARCHIVE', '300', '--rootfs', 'local:1'], /^rootfs: only for containers/, /--help/],
  ];

  test.each(cases)('%j', async (args, message, hint) => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100);
    const given = args.map((word) => (word === 'ARCHIVE' ? archive : word));
    const { status, stderr } = await sample.restore(...given);
    const [error = '', told = ''] = linesOf(stderr).slice(-2);
    expect(error.replace(/^vzdump-format: /, '')).toMatch(message);
    expect(told.replace(/^hint: /, '')).toMatch(hint);
    expect(status).toBe(2);
    expect(await sample.volumes(300)).toEqual([]);
  });
});

describe('what fails for another reason has status 1', () => {
  test('there is no such archive', async () => {
    const sample = await makeSampleGuests();
    const { status, stderr } = await sample.restore(sample.path('none.vma'), '300');
    expect([status, stderr]).toEqual([
      1,
      `vzdump-format: ${sample.path('none.vma')}: no such file or directory\n`,
    ]);
  });

  test('standard input is empty', async () => {
    const sample = await makeSampleGuests();
    const { status, stderr } = await sample.restore('-', '300');
    expect([status, linesOf(stderr)[0]]).toEqual([
      1,
      'vzdump-format: standard input: there is nothing to read: it is empty',
    ]);
  });

  test('there is no configuration of Proxmox VE', async () => {
    const { status, stderr } = await runCli(['restore', 'a.vma', '300', '--pve-root', '/nonexistent']);
    expect([status, linesOf(stderr)[1]]).toEqual([1, 'hint: say where it is: --pve-root DIR']);
  });

  test('nobody can start the guest', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100);
    const { status, stderr } = await sample.restore(archive, '300', '--start');
    expect([status, linesOf(stderr).slice(-2)]).toEqual([
      1,
      [
        expect.stringMatching(/^vzdump-format: the guest cannot be started: qm/),
        'hint: restore it with --start 0',
      ],
    ]);
    expect(await sample.volumes(300)).toEqual([]);
  });
});
