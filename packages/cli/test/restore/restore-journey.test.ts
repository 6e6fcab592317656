import { readFile } from 'node:fs/promises';
import { runTool, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { withMounted } from '../support/mounted-image.js';
import { CLI, linesOf, runCliForJson } from '../support/running-cli.js';
import { allocatedBytes, makeSampleGuests } from '../support/sample-guests.js';
import { runFed, stateOf, type TreeState, testWithTrees } from '../support/tree-making.js';

const CODECS = [
  ['0', ''],
  ['gzip', '.gz'],
  ['lzo', '.lzo'],
  ['zstd', '.zst'],
] as const;

const DISK = 'vm-100-disk-0.raw';
/** What vzdump leaves out unless told otherwise. */
const STANDARD_EXCLUDES = /^(tmp|var\/tmp)\/.|^var\/run\/.*\.pid$/;
/**
 * A file system's own, and directories that other volumes are mounted at: the archive has the roots of these.
 */
const OF_THE_VOLUME = /^lost\+found$|^srv\/data$|^var\/cache\/app$/;

function without(tree: TreeState, ...leftOut: readonly RegExp[]): TreeState {
  return Object.fromEntries(
    Object.entries(tree).filter(([path]) => !leftOut.some((pattern) => pattern.test(path))),
  );
}

describe.each(CODECS)('dumped with --compress %s and restored', (codec, extension) => {
  test('the virtual machine has its disk, its configuration and its rules', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(100, '--compress', codec);
    expect(archive.endsWith(`.vma${extension}`)).toBe(true);
    const { status, stderr } = await sample.restore(archive, '300');
    expect([status, stderr]).toEqual([0, expect.stringMatching(/\nrestored VM 300: .*\/300\.conf\n$/)]);
    const restored = sample.volume(300, 'vm-300-disk-0.raw');
    expect((await readFile(restored)).equals(await readFile(sample.volume(100, DISK)))).toBe(true);
    expect(await allocatedBytes(restored)).toBeLessThan(2 << 20);
    const config = (await sample.config('qemu-server/300.conf'))!;
    const kept = (await sample.config('qemu-server/100.conf'))!
      .replace(/\[PENDING\].*$/s, '')
      .replace(/^(parent|unused0): .*\n/gm, '')
      .replace(/^scsi0: .*$/m, 'scsi0: local:300/vm-300-disk-0.raw,discard=on,iothread=1,size=16M')
      .replace(/^scsi1: /m, '#scsi1: ')
      .replace(/^vmgenid: .*$/m, 'vmgenid: NEW');
    expect(config.replace(/^vmgenid: [\da-f-]{36}$/m, 'vmgenid: NEW')).toBe(kept);
    expect(await sample.config('firewall/300.fw')).toBe(await sample.config('firewall/100.fw'));
  });

  testWithTrees('the container has all that its files have, in directories again', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(101, '--compress', codec);
    expect(archive.endsWith(`.tar${extension}`)).toBe(true);
    const { status } = await sample.restore(archive, '301');
    expect(status).toBe(0);
    expect(await sample.volumes(301)).toEqual([0, 1, 2].map((number) => `subvol-301-disk-${number}.subvol`));
    const treeOf = (vmid: number, number: number, ...leftOut: readonly RegExp[]) =>
      without(stateOf(sample.volume(vmid, `subvol-${vmid}-disk-${number}.subvol`)), ...leftOut);
    expect(treeOf(301, 0, OF_THE_VOLUME)).toEqual(treeOf(101, 0, STANDARD_EXCLUDES, OF_THE_VOLUME));
    expect(treeOf(301, 1)).toEqual(treeOf(101, 1));
    expect(treeOf(301, 2)).toEqual({}); // which is not in backups
    const kept = (await sample.config('lxc/101.conf'))!
      .replace(/\n\[pve:pending\].*$/s, '')
      .replace('lxc.environment =', 'lxc.environment:')
      .replaceAll('local:101/subvol-101', 'local:301/subvol-301')
      .replace(/^mp0: (\S+),mp=\/srv\/data,backup=1/m, 'mp0: $1,backup=1,mp=/srv/data');
    expect(await sample.config('lxc/301.conf')).toBe(kept);
  });
});

describe('dump and restore as two processes and a pipe between', () => {
  /** As the manual shows it. @param codec of the dump */
  async function dumpAndRestore(codec: string, ...options: readonly string[]) {
    const sample = await makeSampleGuests();
    const dump = ['dump', '101', '--stdout', '--compress', codec, ...sample.dumpArgs];
    const restore = ['restore', '-', '300', ...sample.pveRoot, ...options];
    const words = [process.execPath, CLI, String(dump.length), ...dump, ...restore];
    const script = `set -o pipefail; node=$1 cli=$2 count=$3; shift 3
      "$node" "$cli" "\${@:1:count}" | "$node" "$cli" "\${@:count+1}"`;
    runFed('bash', ['-c', script, 'bash', ...words]);
    return sample;
  }

  for (const codec of ['0', 'zstd']) {
    testWithTrees(`onto an image of its own, with --compress ${codec}`, async () => {
      const sample = await dumpAndRestore(codec, '--rootfs', 'local:4', '--hostname', 'copy');
      const image = sample.volume(300, 'vm-300-disk-0.raw');
      expect(await sample.volumes(300)).toEqual(['vm-300-disk-0.raw']);
      runFed('e2fsck', ['-f', '-n', image]);
      const root = stateOf(sample.volume(101, 'subvol-101-disk-0.subvol'), STANDARD_EXCLUDES);
      const restored = await withMounted(image, (mounted) => stateOf(mounted));
      const mountedThere = /^srv\/data/;
      expect(without(restored, OF_THE_VOLUME, mountedThere)).toEqual(
        without(root, STANDARD_EXCLUDES, OF_THE_VOLUME, mountedThere),
      );
      expect(Object.keys(restored)).toContain('srv/data/orders/1.json');
      const config = (await sample.config('lxc/300.conf'))!;
      expect(config).toContain('hostname: copy\n');
      expect(config).toContain('rootfs: local:300/vm-300-disk-0.raw,size=4G\n');
      expect(config).not.toMatch(/^mp/m);
    }, ['mkfs.ext4', 'losetup']);
  }

  testWithTrees('into a directory that is chosen', async () => {
    const sample = await makeSampleGuests();
    const archive = await sample.dump(101);
    const directory = sample.path('chosen/root');
    const { stderr, status } = await sample.restore(archive, '300', '--rootfs', directory);
    expect([status, linesOf(stderr)[0]]).toEqual([0, `extracting archive '${archive}'`]);
    expect(Object.keys(stateOf(directory))).toContain('srv/data/orders/1.json');
    expect(await sample.config('lxc/300.conf')).toContain(`rootfs: ${directory}\n`);
  });
});

testWith(['root'], 'a file system on the disk of a virtual machine is whole again', async () => {
  const sample = await makeSampleGuests();
  const [disk, restored] = [sample.volume(100, DISK), sample.volume(300, 'vm-300-disk-0.raw')];
  await runTool('mkfs.ext4', '-q', '-F', disk);
  await withMounted(
    disk,
    async (mounted) => {
      await runTool('cp', '-a', sample.volume(101, 'subvol-101-disk-0.subvol'), `${mounted}/files`);
      await runTool('fallocate', '-l', '1M', `${mounted}/preallocated`);
    },
    'rw',
  );
  const files = await withMounted(disk, (mounted) => stateOf(mounted));
  const archive = await sample.dump(100, '--compress', 'zstd');
  expect((await sample.restore(archive, '300')).status).toBe(0);
  runFed('e2fsck', ['-f', '-n', restored]);
  expect(await withMounted(restored, (mounted) => stateOf(mounted))).toEqual(files);
  expect(Object.keys(files)).toContain(
    'files/home/app/Grüße.txt'.replace('Grüße', 'Gr\u00c3\u00bc\u00c3\u009fe'),
  );
});

test('--json prints what was made', async () => {
  const sample = await makeSampleGuests();
  const archive = await sample.dump(100);
  expect(await runCliForJson(['restore', archive, '300', ...sample.pveRoot])).toEqual({
    type: 'qemu',
    vmid: 300,
    configPath: sample.path('pve/qemu-server/300.conf'),
    volumes: { scsi0: 'local:300/vm-300-disk-0.raw' },
    bytes: 16 << 20,
  });
});
