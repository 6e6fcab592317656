import { chmodSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test, vi } from 'vitest';
import {
  archiveFiles,
  type ContainerTree,
  describeTree,
  makeContainerTree,
  type TarOptions,
  tarContainer,
  untarContainer,
} from './testing/container.js';
import { keepSample, makeSample, restoreTold, type Sample } from './testing/sample.js';

keepSample();

const CONFIG = `#Keeps the orders.
arch: amd64
hostname: db
memory: 1024
mp2: /srv/shared,mp=/mnt/shared
net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:65,type=veth
rootfs: local:101/vm-101-disk-0.raw,size=64M
unused0: local:101/vm-101-disk-9.raw
`;
const UNPRIVILEGED = ['lxc-usernsexec', '-m', 'u:0:100000:65536', '-m', 'g:0:100000:65536', '--'];

interface Archived {
  readonly directory: string;
  readonly tree: ContainerTree;
  readonly archive: string;
}

async function archiveTree(
  config: string,
  options: TarOptions & { devices?: boolean } = {},
): Promise<Archived> {
  const directory = await scratch();
  chmodSync(directory, 0o755);
  const tree = await makeContainerTree(directory, options);
  const archive = join(directory, 'vzdump-lxc-101-2026_01_01-12_00_00.tar');
  await tarContainer(tree, archive, config, options);
  return { directory, tree, archive };
}

async function withMounted<Result>(
  image: string,
  use: (mountPoint: string) => Promise<Result>,
): Promise<Result> {
  const mountPoint = join(await scratch(), 'mnt');
  await mkdir(mountPoint);
  await runTool('mount', '-o', 'loop,ro', image, mountPoint);
  try {
    return await use(mountPoint);
  } finally {
    await runTool('umount', mountPoint);
  }
}

async function expectNothing(sample: Sample, vmid = 301): Promise<void> {
  await expect(readdir(join(sample.storage, 'images', String(vmid)))).rejects.toThrow('ENOENT');
  for (const name of [`lxc/${vmid}.conf`, `firewall/${vmid}.fw`]) {
    await expect(sample.config(name)).rejects.toThrow('ENOENT');
  }
  expect(await runTool('losetup', '--list', '--noheadings', '--output', 'BACK-FILE')).not.toContain(
    sample.directory,
  );
}

async function* inPieces(path: string, size = 1000): AsyncGenerator<Uint8Array> {
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('the files of an archive of GNU tar', () => {
  testWith(['root', 'tar', 'mkfs.ext4'], 'are as GNU tar restores them, on an image', async () => {
    const { archive, directory, tree } = await archiveTree(CONFIG);
    await untarContainer(archive, join(directory, 'expected'));
    const sample = await makeSample();
    const { warnings, events, result } = await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot });
    const image = sample.image(301, 'vm-301-disk-0.raw');
    expect(warnings).toEqual([]);
    expect(events).toEqual([
      { type: 'archive', guest: 'lxc', path: archive },
      { type: 'acts-on-host', line: 'mp2: /srv/shared,mp=/mnt/shared', leftOut: false },
      { type: 'read-limit', kibPerSecond: 102400 },
      { type: 'volume', volume: 'local:301/vm-301-disk-0.raw', path: image, size: 64 << 20 },
      { type: 'files-written', entries: expect.any(Number), bytes: result.bytes },
    ]);
    const [own, ...files] = await withMounted(image, describeTree);
    expect(files).toEqual((await describeTree(join(directory, 'expected'))).slice(1));
    expect(own).toEqual((await describeTree(tree.root))[0]); // which tar's --skip-old-files loses
    await runTool('e2fsck', '-f', '-n', image);
    expect(await runTool('dumpe2fs', '-h', image)).toMatch(/features:.*\bmmp\b/);
    await expectNothing(sample, 302);
  });

  testWith(
    ['root', 'lxc-usernsexec'],
    'of an unprivileged one, in a directory, as within its user namespace',
    async () => {
      const { archive, directory, tree } = await archiveTree(`${CONFIG}unprivileged: 1\n`, {
        devices: false,
      });
      await mkdir(join(directory, 'expected'));
      await runTool('chown', '100000:100000', join(directory, 'expected'));
      await untarContainer(archive, join(directory, 'expected'), UNPRIVILEGED);
      const sample = await makeSample();
      const mountPoints = new Map([['rootfs', 'local:0']]);
      const { warnings } = await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot, mountPoints });
      expect(warnings).toEqual([]);
      expect(await sample.images(301)).toEqual(['subvol-301-disk-0.subvol']);
      const [own, ...files] = await describeTree(sample.image(301, 'subvol-301-disk-0.subvol'));
      expect(files).toEqual((await describeTree(join(directory, 'expected'))).slice(1));
      const { mode, mtime } = (await describeTree(tree.root))[0]!;
      expect(own).toMatchObject({ uid: 100000, gid: 100000, mode, mtime });
      const config = await sample.config('lxc/301.conf');
      expect(config).toContain('rootfs: local:301/subvol-301-disk-0.subvol,size=0T\n');
      expect(config).toContain('unprivileged: 1\n');
    },
  );

  testWith(['root', 'mkfs.ext4'], 'go to the volume of the mount point that they are below', async () => {
    const config = `${CONFIG}mp0: local:101/vm-101-disk-1.raw,mp=/srv/data,backup=1,size=16M\n`;
    const { archive, directory, tree } = await archiveTree(config, { withData: true });
    const sample = await makeSample();
    const { warnings } = await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot });
    expect(warnings).toEqual([]);
    expect(await sample.images(301)).toEqual(['vm-301-disk-0.raw', 'vm-301-disk-1.raw']);
    const written = await sample.config('lxc/301.conf');
    expect(written).toContain('mp0: local:301/vm-301-disk-1.raw,backup=1,mp=/srv/data,size=16M\n');
    expect(written).toContain('mp2: /srv/shared,mp=/mnt/shared\n');
    expect(await withMounted(sample.image(301, 'vm-301-disk-1.raw'), describeTree)).toEqual(
      await describeTree(tree.data),
    );
    const root = await withMounted(sample.image(301, 'vm-301-disk-0.raw'), describeTree);
    const paths = root.map(({ path }) => path);
    expect(paths).toContain('srv/data');
    expect(paths.filter((path) => path.startsWith('srv/data/'))).toEqual([]);
    await untarContainer(archive, join(directory, 'expected'));
    const expected = await describeTree(join(directory, 'expected'));
    const elsewhere = /^$|^srv\/data/;
    expect(root.filter(({ path }) => !elsewhere.test(path))).toEqual(
      expected.filter(({ path }) => !elsewhere.test(path)),
    );
  });

  testWith(['root', 'zstd'], 'come out of a stream of any codec, too', async () => {
    const { archive } = await archiveTree(CONFIG, { codec: '--zstd' });
    const sample = await makeSample();
    await restoreTold({ archive: inPieces(archive), vmid: 301, pveRoot: sample.pveRoot });
    const files = await withMounted(sample.image(301, 'vm-301-disk-0.raw'), describeTree);
    expect(files.map(({ path }) => path)).toContain('usr/bin/tool-again');
    expect(await sample.config('lxc/301.conf')).toContain('hostname: db\n');
  });
});

describe('its configuration', () => {
  testWith(
    ['root'],
    'is that of the archive, but for what is of the guest that it was, or is given',
    async () => {
      const archive = await archiveFiles(CONFIG);
      const sample = await makeSample();
      await restoreTold({
        ...{ archive, vmid: 301, pveRoot: sample.pveRoot, unique: true },
        mountPoints: new Map([['rootfs', 'local:0']]),
        overrides: new Map([
          ['hostname', 'copy'],
          ['cores', '2'],
          ['description', 'A copy'],
        ]),
      });
      expect(await sample.config('lxc/301.conf')).toBe(`#A copy
arch: amd64
cores: 2
hostname: copy
memory: 1024
net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,type=veth
rootfs: local:301/subvol-301-disk-0.subvol,size=0T
swap: 512
`);
      const root = sample.image(301, 'subvol-301-disk-0.subvol');
      expect((await readdir(root)).sort()).toEqual(['big', 'etc']);
      expect(await readdir(join(root, 'etc'))).toEqual(['hostname']);
    },
  );

  testWith(['root'], 'brings its firewall rules along, unless they are empty', async () => {
    const rules = '[OPTIONS]\n\nenable: 1\n';
    const sample = await makeSample();
    const mountPoints = new Map([['rootfs', 'local:0']]);
    const { archive } = await archiveTree(CONFIG, { firewall: rules });
    await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot, mountPoints });
    expect(await sample.config('firewall/301.fw')).toBe(rules);
    const without = await archiveTree(CONFIG);
    await restoreTold({ archive: without.archive, vmid: 302, pveRoot: sample.pveRoot, mountPoints });
    await expect(sample.config('firewall/302.fw')).rejects.toThrow('ENOENT');
  });

  testWith(['root'], 'is found in a file wherever it is', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG.replace('vm-101-disk-0.raw,size=64M', 'x.subvol,size=0T'));
    await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot });
    expect(await sample.config('lxc/301.conf')).toContain('hostname: db\n');
  });

  testWith(['root'], 'that comes late in a stream is merged in the end', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG);
    const options = { vmid: 301, pveRoot: sample.pveRoot };
    await expect(restoreTold({ ...options, archive: inPieces(archive) })).rejects.toMatchObject({
      code: 'RESTORE_CONFIG',
    });
    await expectNothing(sample);
    const mountPoints = new Map([['rootfs', 'local:0']]);
    await restoreTold({ ...options, archive: inPieces(archive), mountPoints });
    expect(await sample.config('lxc/301.conf')).toContain('hostname: db\n');
    const mapped = await archiveFiles(`${CONFIG}lxc.idmap: u 0 200000 65536\nlxc.idmap: g 0 200000 65536\n`);
    const late = restoreTold({ ...options, vmid: 302, archive: inPieces(mapped), mountPoints });
    await expect(late).rejects.toMatchObject({ code: 'RESTORE_CONFIG' });
    await expectNothing(sample, 302);
  });

  testWith(['root'], 'may be missing in a stream only', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(undefined);
    const options = { vmid: 301, pveRoot: sample.pveRoot, mountPoints: new Map([['rootfs', 'local:0']]) };
    await expect(restoreTold({ ...options, archive })).rejects.toMatchObject({
      message: expect.stringContaining('archive contains no configuration file'),
    });
    const { warnings } = await restoreTold({ ...options, archive: inPieces(archive) });
    expect(warnings).toMatchObject([{ code: 'RESTORE_CONFIG' }]);
    expect(await sample.config('lxc/301.conf')).toContain('hostname: CT301\n');
  });

  testWith(['root'], 'that was a template is one no more, and that is told', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(`template: 1\n${CONFIG}`);
    const mountPoints = new Map([['rootfs', 'local:0']]);
    const { warnings } = await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot, mountPoints });
    expect(warnings).toMatchObject([{ code: 'RESTORE_TEMPLATE' }]);
    expect(await sample.config('lxc/301.conf')).not.toContain('template');
  });
});

describe('a directory that is chosen for the root', () => {
  testWith(['root'], 'is made, or filled when it is empty, and nothing else', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG);
    const path = join(sample.directory, 'new/root');
    const restoreTo = (vmid: number, rootfs: string) =>
      restoreTold({ archive, vmid, pveRoot: sample.pveRoot, mountPoints: new Map([['rootfs', rootfs]]) });
    await restoreTo(301, path);
    expect(await readFile(join(path, 'etc/hostname'), 'utf8')).toBe('db\n');
    expect(await sample.config('lxc/301.conf')).toContain(`rootfs: ${path}\n`);
    const empty = join(sample.directory, 'empty');
    await mkdir(empty);
    await restoreTo(302, empty);
    expect((await readdir(empty)).sort()).toEqual(['big', 'etc']);
    for (const rootfs of [path, join(sample.pveRoot, 'storage.cfg'), 'local:301/x.subvol', '/dev/loop0']) {
      await expect(restoreTo(303, rootfs)).rejects.toMatchObject({ code: 'RESTORE_MOUNT_POINTS' });
    }
  });

  testWith(['root'], 'is empty again when it fails', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG);
    await runTool('truncate', '-s', '2M', archive);
    const empty = join(sample.directory, 'empty');
    await mkdir(empty);
    const mountPoints = new Map([['rootfs', empty]]);
    await expect(restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot, mountPoints })).rejects.toThrow();
    expect(await readdir(empty)).toEqual([]);
  });

  testWith(['root'], 'is never chosen by an archive', async () => {
    const sample = await makeSample();
    const chosen = join(sample.directory, 'chosen');
    const archive = await archiveFiles(`rootfs: ${chosen}\nhostname: x\n`);
    await expect(restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot })).rejects.toMatchObject({
      code: 'RESTORE_MOUNT_POINTS',
    });
    await expect(stat(chosen)).rejects.toThrow('ENOENT');
  });
});

describe('a restore that fails leaves nothing', () => {
  const ROOT = { image: 'local:0.0625', directory: 'local:0' };

  describe.each(Object.entries(ROOT))('on an %s', (_, rootfs) => {
    testWith(['root'], 'of an archive that ends too early', async () => {
      const sample = await makeSample();
      const archive = await archiveFiles(CONFIG);
      await runTool('truncate', '-s', '2M', archive);
      const options = {
        archive,
        vmid: 301,
        pveRoot: sample.pveRoot,
        mountPoints: new Map([['rootfs', rootfs]]),
      };
      const events: unknown[] = [];
      const failed = restoreTold({ ...options, onEvent: (event) => events.push(event) });
      await expect(failed).rejects.toMatchObject({ code: expect.stringMatching(/^(TAR|RESTORE)_/) });
      await expectNothing(sample);
    });

    testWith(['root'], 'of one that proves bad half-way, and says what is gone', async () => {
      const sample = await makeSample();
      const archive = await archiveFiles(CONFIG.replace(/^rootfs.*$/m, 'rootfs: local:101/x.subvol,size=0T'));
      const early = join(sample.directory, 'early.tar');
      await runTool('tar', 'cf', early, '-C', join(archive, '..'), './etc/vzdump/pct.conf', './big');
      await runTool('truncate', '-s', '2M', early);
      const options = { archive: early, vmid: 301, pveRoot: sample.pveRoot };
      const events: { readonly type: string }[] = [];
      const failed = restoreTold({
        ...options,
        mountPoints: new Map([['rootfs', rootfs]]),
        onEvent: (event) => events.push(event),
      });
      await expect(failed).rejects.toMatchObject({ code: expect.stringMatching(/^TAR_/) });
      expect(events.map(({ type }) => type)).toEqual(['archive', 'read-limit', 'volume', 'discarded']);
      await expectNothing(sample);
    });

    testWith(['root'], 'that is aborted', async () => {
      const sample = await makeSample();
      const archive = await archiveFiles(CONFIG);
      const controller = new AbortController();
      const aborted = restoreTold({
        ...{ archive, vmid: 301, pveRoot: sample.pveRoot, signal: controller.signal },
        mountPoints: new Map([['rootfs', rootfs]]),
        onProgress: () => controller.abort(new Error('enough')),
      });
      await expect(aborted).rejects.toThrow('enough');
      await expectNothing(sample);
    });
  });

  test('of an ordinary user onto an image, which only root can mount', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG);
    const euid = vi.spyOn(process, 'geteuid').mockReturnValue(1000);
    const restored = restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot });
    await expect(restored).rejects.toMatchObject({
      code: 'RESTORE_MOUNT_POINTS',
      message: 'rootfs is to be an image, which only root can mount',
    });
    euid.mockRestore();
    await expect(readdir(join(sample.storage, 'images/301'))).rejects.toThrow('ENOENT');
  });

  testWith(['root'], 'where the image has too little room', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG.replace('size=64M', 'size=2M'));
    const full = restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot });
    await expect(full).rejects.toMatchObject({ message: expect.stringContaining('ENOSPC') });
    await expectNothing(sample);
  });

  testWith(['root'], 'where the disk below the image has too little room', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG);
    const images = join(sample.storage, 'images/301');
    await mkdir(images);
    await runTool('mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', images);
    try {
      const full = restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot });
      await expect(full).rejects.toMatchObject({
        message: expect.stringMatching(/no space left on device|EROFS|ENOSPC|EIO/),
      });
      expect(await readdir(images)).toEqual([]);
    } finally {
      await runTool('umount', images);
    }
  });

  testWith(['root'], 'unless errors are to be ignored: then there is what could be unpacked', async () => {
    const sample = await makeSample();
    const early = join(sample.directory, 'early.tar');
    const archive = await archiveFiles(CONFIG);
    await runTool(
      'tar',
      'cf',
      early,
      '-C',
      join(archive, '..'),
      './etc/vzdump/pct.conf',
      './etc/hostname',
      './big',
    );
    await runTool('truncate', '-s', '2M', early);
    const { warnings, events, result } = await restoreTold({
      ...{ archive: early, vmid: 301, pveRoot: sample.pveRoot, ignoreUnpackErrors: true },
      mountPoints: new Map([['rootfs', 'local:0']]),
    });
    expect(warnings).toMatchObject([{ code: 'RESTORE_UNPACK' }]);
    // etc/hostname, and neither `big`, which was cut off, nor what is not the container's
    expect(events).toContainEqual({ type: 'files-written', entries: 1, bytes: 'db\n'.length });
    expect(result.bytes).toBe('db\n'.length);
    expect(await readdir(sample.image(301, 'subvol-301-disk-0.subvol'))).toEqual(['etc']);
    expect(await sample.config('lxc/301.conf')).toContain('hostname: db\n');
  });
});

describe('an archive of something else', () => {
  test.each(['qemu-server.conf', './etc/vzdump/vps.conf'])(
    'which begins with %s is refused',
    async (name) => {
      const sample = await makeSample();
      const directory = await scratch();
      await mkdir(join(directory, 'etc/vzdump'), { recursive: true });
      await writeFile(join(directory, name), 'x');
      await runTool('tar', 'cf', join(directory, 'a.tar'), '-C', directory, name);
      const restored = restoreTold({ archive: join(directory, 'a.tar'), vmid: 301, pveRoot: sample.pveRoot });
      await expect(restored).rejects.toMatchObject({ code: 'RESTORE_FOREIGN' });
    },
  );

  test('does not take the options of a virtual machine', async () => {
    const sample = await makeSample();
    const archive = await archiveFiles(CONFIG);
    const drives = new Map([['scsi0', '/x']]);
    await expect(restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot, drives })).rejects.toMatchObject({
      code: 'RESTORE_OPTION',
    });
  });
});
