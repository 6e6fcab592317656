import { copyFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BufferSource } from '@vzdump-format/streams';
import { runTool, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { archiveVm, keepSample, makeSample, restoreTold, type Sample } from './testing/sample.js';

const DISK = 'vm-100-disk-0.raw';

async function expectSameDisk(
  sample: Sample,
  path: string,
  archived = sample.image(100, DISK),
): Promise<void> {
  const [is, was] = await Promise.all([readFile(path), readFile(archived)]);
  expect(is.equals(was)).toBe(true);
}

keepSample();

describe('a virtual machine', () => {
  test('is restored beside the one that it came from', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const before = await sample.config('qemu-server/100.conf');
    const { result, warnings, events } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    const path = sample.image(300, 'vm-300-disk-0.raw');
    expect(warnings).toEqual([]);
    expect(await sample.images(300)).toEqual(['vm-300-disk-0.raw']);
    await expectSameDisk(sample, path);
    const { blocks, mode } = await stat(path);
    expect(blocks * 512).toBeLessThan(2 << 20);
    expect(mode & 0o777).toBe(0o640);
    expect(events).toEqual([
      { type: 'archive', guest: 'qemu', path: archive },
      {
        type: 'contents',
        ctime: expect.any(BigInt),
        configs: [
          { name: 'qemu-server.conf', size: expect.any(Number) },
          { name: 'qemu-server.fw', size: 143 },
        ],
        devices: [{ id: 1, name: 'drive-scsi0', size: 16 << 20 }],
      },
      { type: 'volume', volume: 'local:300/vm-300-disk-0.raw', path, size: 16 << 20 },
      { type: 'storage-limit', storage: 'local', kibPerSecond: 102400 },
      { type: 'drive', device: 'drive-scsi0', path, writesZeros: false },
      {
        ...{ type: 'drives-written', bytes: 16 << 20 },
        ...{ zeroBytes: expect.any(Number), zeroClusterBytes: expect.any(Number) },
      },
    ]);
    expect(result).toEqual({
      ...{ type: 'qemu', vmid: 300, bytes: 16 << 20 },
      configPath: join(sample.directory, 'pve/qemu-server/300.conf'),
      volumes: new Map([['scsi0', 'local:300/vm-300-disk-0.raw']]),
    });
    expect(await sample.config('qemu-server/100.conf')).toBe(before);
  });

  test('is restored from a store that keeps no files', async () => {
    const sample = await makeSample();
    const file = await archiveVm(sample);
    const bytes = await readFile(file);
    await rm(file);
    const archive = { path: 'chunks:vm/100', open: async () => new BufferSource(bytes) };
    const { events } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    expect(events[0]).toEqual({ type: 'archive', guest: 'qemu', path: 'chunks:vm/100' });
    await expectSameDisk(sample, sample.image(300, 'vm-300-disk-0.raw'));
  });

  test('has its configuration, rewritten, and its firewall rules', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    const lines = (await sample.config('qemu-server/300.conf')).split('\n');
    expect(lines.slice(0, 3)).toEqual(['## Web server', '#', '#Serves the shop%3A 24 hours a day.']);
    expect(lines).toEqual(
      expect.arrayContaining([
        'net0: virtio=BC:24:11:00:00:64,bridge=vmbr0,firewall=1',
        'scsi0: local:300/vm-300-disk-0.raw,discard=on,iothread=1,size=16M',
        '#scsi1: local:100/vm-100-disk-1.raw,backup=0,size=1M',
        'smbios1: uuid=3f1c2a54-6a1d-4b7e-9a53-1f0e6a7d2c10',
        'vmgenid: 11111111-2222-4333-8444-555555555555',
      ]),
    );
    expect(lines.join('\n')).not.toMatch(/qmdump|unused|parent|\[/);
    expect(await sample.config('firewall/300.fw')).toBe(await sample.config('firewall/100.fw'));
  });

  test('that is to be unique gets addresses and a uuid of its own', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, unique: true });
    const config = await sample.config('qemu-server/300.conf');
    expect(config).toContain('net0: virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,firewall=1\n');
    expect(config).toContain('smbios1: uuid=11111111-2222-4333-8444-555555555555\n');
  });

  test('out of an archive that is named as a volume', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const path = join(sample.storage, 'archive/weekly', basename(archive));
    await rename(archive, path);
    const { events } = await restoreTold({
      archive: `archive:backup/${basename(archive)}`,
      ...{ vmid: 300, pveRoot: sample.pveRoot },
    });
    expect(events).toContainEqual({ type: 'archive', guest: 'qemu', path });
    await expectSameDisk(sample, sample.image(300, 'vm-300-disk-0.raw'));
    const unknown = restoreTold({ archive: 'none:backup/x.vma', vmid: 301, pveRoot: sample.pveRoot });
    await expect(unknown).rejects.toMatchObject({ code: 'STORAGE_UNKNOWN' });
  });

  test('out of a stream', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const bytes = await readFile(archive);
    async function* stream() {
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    }
    const { events } = await restoreTold({ archive: stream(), vmid: 300, pveRoot: sample.pveRoot });
    expect(events[0]).toEqual({ type: 'archive', guest: 'qemu', path: undefined });
    await expectSameDisk(sample, sample.image(300, 'vm-300-disk-0.raw'));
  });

  test('that was a template is one no more, and that is told', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample, (config) => `template: 1\n${config}`);
    const { warnings } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    expect(warnings).toMatchObject([{ code: 'RESTORE_TEMPLATE' }]);
    expect(await sample.config('qemu-server/300.conf')).not.toContain('template');
  });

  test('becomes a member of a pool', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, pool: 'testing' });
    expect(await sample.config('user.cfg')).toContain('pool:testing::300:local:\n');
    await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot, pool: 'production' });
    expect(await sample.config('user.cfg')).toContain(
      'pool:production:Everything%3A that matters:100,101,301:local:\n',
    );
    const unknown = restoreTold({ archive, vmid: 302, pveRoot: sample.pveRoot, pool: 'none' });
    await expect(unknown).rejects.toMatchObject({ code: 'POOL_UNKNOWN' });
  });
});

describe('its drives', () => {
  /** The sample's machine with an EFI disk, the state of a TPM, and a drive of cloud-init. */
  async function withFurtherDrives(sample: Sample): Promise<void> {
    await truncate(sample.image(100, 'vm-100-disk-1.raw'), 540_672);
    await truncate(sample.image(100, 'vm-100-disk-2.raw'), 4 << 20);
    const path = join(sample.directory, 'pve/qemu-server/100.conf');
    const config = (await readFile(path, 'utf8'))
      .replace(/^scsi1: .*\n/m, '')
      .replace(/^unused0: .*\n/m, '')
      .replace(
        'boot: ',
        `bios: ovmf
efidisk0: local:100/vm-100-disk-1.raw,efitype=4m,size=528K
ide0: local:100/vm-100-cloudinit.raw,media=cdrom,size=4M
tpmstate0: local:100/vm-100-disk-2.raw,size=4M,version=v2.0
boot: `,
      );
    await writeFile(path, config);
  }

  test('EFI disk and TPM state have theirs; cloud-init gets an empty one', async () => {
    const sample = await makeSample();
    await withFurtherDrives(sample);
    const archive = await archiveVm(sample);
    const { warnings } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    expect(warnings).toEqual([]);
    expect(await sample.images(300)).toEqual([
      'vm-300-cloudinit.raw',
      'vm-300-disk-0.raw',
      'vm-300-disk-1.raw',
      'vm-300-disk-2.raw',
    ]);
    const config = await sample.config('qemu-server/300.conf');
    expect(config).toContain('efidisk0: local:300/vm-300-disk-0.raw,efitype=4m,size=528K\n');
    expect(config).toContain('ide0: local:300/vm-300-cloudinit.raw,media=cdrom,size=4M\n');
    expect(config).toContain('scsi0: local:300/vm-300-disk-1.raw,discard=on,iothread=1,size=16M\n');
    expect(config).toContain('tpmstate0: local:300/vm-300-disk-2.raw,size=4M,version=v2.0\n');
    expect((await stat(sample.image(300, 'vm-300-disk-0.raw'))).size).toBe(540_672);
    expect((await stat(sample.image(300, 'vm-300-cloudinit.raw'))).size).toBe(4 << 20);
  });

  test('go to the storage that is asked for', async () => {
    const sample = await makeSample();
    const cfg = join(sample.directory, 'pve/storage.cfg');
    const other = join(sample.directory, 'other');
    await writeFile(cfg, `${await readFile(cfg, 'utf8')}\ndir: other\n\tpath ${other}\n`);
    const archive = await archiveVm(sample);
    await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, storage: 'other' });
    await expectSameDisk(sample, join(other, 'images/300/vm-300-disk-0.raw'));
    expect(await sample.config('qemu-server/300.conf')).toContain('scsi0: other:300/vm-300-disk-0.raw,');
    const wrong = restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot, storage: 'archive' });
    await expect(wrong).rejects.toMatchObject({
      code: 'STORAGE_CONTENT',
      message: "storage 'archive' does not support content-type 'images'",
    });
  });

  testWith(['root', 'qemu-img'], 'are qcow2 where they were, whole for QEMU', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample, (config) => config.replace(':local:raw:', ':local:qcow2:'));
    await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    const path = sample.image(300, 'vm-300-disk-0.qcow2');
    await runTool('qemu-img', 'check', '-f', 'qcow2', path);
    await runTool('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', sample.image(100, DISK), path);
    expect((await stat(path)).size).toBeLessThan(2 << 20);
    expect(await sample.config('qemu-server/300.conf')).toContain('scsi0: local:300/vm-300-disk-0.qcow2,');
  });

  test('that were vmdk are raw, which is told', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample, (config) => config.replace(':local:raw:', ':local:vmdk:'));
    const { warnings } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    expect(warnings).toMatchObject([{ code: 'RESTORE_IMAGE_FORMAT', entry: 'scsi0', isNotice: true }]);
    expect(await sample.images(300)).toEqual(['vm-300-disk-0.raw']);
  });

  test.each(['scsi0', 'drive-scsi0', '1'])('%s goes to a path that is chosen for it', async (name) => {
    const sample = await makeSample();
    const archive = await archiveVm(sample, (config) => config.replace(':local:raw:', ':gone:raw:'));
    const path = join(sample.directory, 'new/chosen.raw');
    const options = { archive, vmid: 300, pveRoot: sample.pveRoot, drives: new Map([[name, path]]) };
    await restoreTold(options);
    await expectSameDisk(sample, path);
    expect(await sample.config('qemu-server/300.conf')).toContain(
      `scsi0: ${path},discard=on,iothread=1,size=16M\n`,
    );
    await expect(restoreTold({ ...options, vmid: 301 })).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await writeFile(path, 'of someone');
    await restoreTold({ ...options, vmid: 301, force: true });
    await expectSameDisk(sample, path);
  });

  test('a path that is chosen for nothing is refused', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const options = { archive, vmid: 300, pveRoot: sample.pveRoot };
    const drives = [
      { drives: new Map([['scsi9', '/x']]), code: 'RESTORE_DRIVE' },
      {
        drives: new Map([
          ['scsi0', '/x.raw'],
          ['1', '/y.raw'],
        ]),
        code: 'RESTORE_DRIVE',
      },
      ...['vmdk', 'vdi', 'vhdx', 'qed'].map((extension) => ({
        drives: new Map([['scsi0', `/x.${extension}`]]),
        code: 'TARGET_KIND',
      })),
      { drives: new Map([['scsi0', sample.directory]]), code: 'TARGET_KIND' },
      { drives: new Map([['scsi0', join(sample.directory, 'a,b.raw')]]), code: 'PROPERTY_STRING' },
    ];
    for (const { code, ...given } of drives) {
      await expect(restoreTold({ ...options, ...given })).rejects.toMatchObject({ code });
    }
    await expect(readdir(join(sample.storage, 'images/300'))).rejects.toThrow('ENOENT');
  });

  test('two never share a path', async () => {
    const sample = await makeSample();
    await truncate(sample.image(100, 'vm-100-disk-1.raw'), 1 << 20);
    const conf = join(sample.pveRoot, 'qemu-server/100.conf');
    await writeFile(conf, (await readFile(conf, 'utf8')).replace(',backup=0', ''));
    const archive = await archiveVm(sample);
    const drives = new Map([
      ['scsi0', join(sample.directory, 'one.raw')],
      ['scsi1', join(sample.directory, 'pve/../one.raw')],
    ]);
    const restored = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, drives, force: true });
    await expect(restored).rejects.toMatchObject({ code: 'RESTORE_DRIVE' });
    await expect(stat(join(sample.directory, 'one.raw'))).rejects.toThrow('ENOENT');
  });

  describe.each([
    ['as large as the drive', 16 << 20, undefined],
    ['4 MiB larger', 20 << 20, undefined],
    ['smaller', (16 << 20) - 512, 'TARGET_TOO_SMALL'],
    ['more than 4 MiB larger', (20 << 20) + 512, 'TARGET_TOO_LARGE'],
  ])('a block device that is %s', (_, size, code) => {
    testWith(['root', 'losetup'], code === undefined ? 'is written' : 'is refused', async () => {
      const sample = await makeSample();
      const backing = join(sample.directory, 'device');
      await writeFile(backing, Buffer.alloc(size, 'old'));
      const device = (await runTool('losetup', '--find', '--show', backing)).trim();
      try {
        const drives = new Map([['scsi0', device]]);
        const archive = await archiveVm(sample);
        const restored = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, drives });
        if (code !== undefined) {
          await expect(restored).rejects.toMatchObject({ code });
          expect((await readFile(backing)).equals(Buffer.alloc(size, 'old'))).toBe(true);
          return;
        }
        expect((await restored).events).toContainEqual({
          ...{ type: 'drive', device: 'drive-scsi0' },
          ...{ path: device, writesZeros: true },
        });
        const is = (await readFile(device)).subarray(0, 16 << 20);
        expect(is.equals(await readFile(sample.image(100, DISK)))).toBe(true);
        expect(await sample.config('qemu-server/300.conf')).toContain(`scsi0: ${device},`);
      } finally {
        await runTool('losetup', '--detach', device);
      }
    });
  });
});

describe('an archive that cannot be restored leaves nothing', () => {
  async function expectNothing(sample: Sample): Promise<void> {
    await expect(readdir(join(sample.storage, 'images/300'))).rejects.toThrow('ENOENT');
    for (const name of ['qemu-server/300.conf', 'firewall/300.fw']) {
      await expect(sample.config(name)).rejects.toThrow('ENOENT');
    }
  }

  test.each([
    ['without map lines', (text: string) => text.replace(/#qmdump#map.*\n/g, ''), 'RESTORE_MAP'],
    [
      'with a map of a drive that it lacks',
      (text: string) => `${text}#qmdump#map:scsi5:drive-scsi5::raw:\n`,
      'RESTORE_MAP',
    ],
    [
      'with a map of what is no drive',
      (text: string) => text.replace('map:scsi0', 'map:../scsi0'),
      'RESTORE_MAP',
    ],
    [
      'from a storage that is unknown',
      (text: string) => text.replace(':local:raw:', ':../../etc:raw:'),
      'STORAGE_UNKNOWN',
    ],
    [
      'with a drive that is none',
      (text: string) => text.replace('scsi0: local', 'scsi0: local=,,'),
      'CONFIG_VALUE',
    ],
  ])('%s', async (_, edit, code) => {
    const sample = await makeSample();
    const archive = await archiveVm(sample, edit);
    await expect(restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot })).rejects.toMatchObject({
      code,
    });
    await expectNothing(sample);
  });

  test('that ends too early, and says what is gone', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await truncate(archive, (await stat(archive)).size - 2000);
    const events: unknown[] = [];
    const restored = restoreTold({
      ...{ archive, vmid: 300, pveRoot: sample.pveRoot },
      onEvent: (event) => events.push(event),
    });
    await expect(restored).rejects.toMatchObject({ code: 'VMA_TRUNCATED' });
    expect(events.at(-1)).toEqual({ type: 'discarded', volume: 'local:300/vm-300-disk-0.raw' });
    await expectNothing(sample);
  });

  test('when it is aborted', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const controller = new AbortController();
    const restored = restoreTold({
      ...{ archive, vmid: 300, pveRoot: sample.pveRoot, signal: controller.signal },
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(restored).rejects.toThrow('enough');
    await expectNothing(sample);
  });

  test('when its configuration cannot be written', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await rm(join(sample.directory, 'pve/qemu-server'), { recursive: true });
    await writeFile(join(sample.directory, 'pve/qemu-server'), 'in the way');
    await expect(restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot })).rejects.toThrow(
      /ENOTDIR|EEXIST/,
    );
    await expect(readdir(join(sample.storage, 'images/300'))).rejects.toThrow('ENOENT');
    await expect(sample.config('firewall/300.fw')).rejects.toThrow('ENOENT');
  });

  test('that is to be started where nobody can do that', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const restored = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, start: true });
    await expect(restored).rejects.toMatchObject({
      code: 'RESTORE_START',
      hint: 'restore it with --start 0',
    });
    await expectNothing(sample);
  });

  test('for options of containers', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const mountPoints = new Map([['rootfs', 'local:4']]);
    const restored = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, mountPoints });
    await expect(restored).rejects.toMatchObject({ code: 'RESTORE_OPTION' });
    await expectNothing(sample);
  });
});

describe('volumes that are there already', () => {
  test('are not touched; those of the number that no configuration has become unused', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await mkdir(join(sample.storage, 'images/300'));
    await copyFile(sample.image(100, 'vm-100-disk-1.raw'), sample.image(300, 'vm-300-disk-0.raw'));
    const { events } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    expect(await sample.images(300)).toEqual(['vm-300-disk-0.raw', 'vm-300-disk-1.raw']);
    expect((await stat(sample.image(300, 'vm-300-disk-0.raw'))).size).toBe(1 << 20);
    const config = await sample.config('qemu-server/300.conf');
    expect(config).toContain('scsi0: local:300/vm-300-disk-1.raw,');
    expect(config).toContain('unused0: local:300/vm-300-disk-0.raw\n');
    expect(events.at(-1)).toEqual({
      ...{ type: 'unused-volume', key: 'unused0' },
      volume: 'local:300/vm-300-disk-0.raw',
    });
  });
});
