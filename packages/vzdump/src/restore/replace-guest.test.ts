import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestType } from '@vzdump-format/pve';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import type { GuestMethods } from '../guest-access/guest-access.js';
import { archiveVm, keepSample, makeSample, restoreTold, type Sample } from './testing/sample.js';

keepSample();

/** The archive of a container with the configuration of the sample's. */
async function archiveContainer(sample: Sample): Promise<string> {
  const directory = await scratch();
  await runTool('mkdir', '-p', join(directory, 'etc/vzdump'), join(directory, 'srv/data'));
  const config = (await sample.config('lxc/101.conf')).replace(/\n\[.*$/s, '');
  await writeFile(join(directory, 'etc/vzdump/pct.conf'), config);
  await writeFile(join(directory, 'etc/hostname'), 'restored\n');
  await writeFile(join(directory, 'srv/data/order'), 'restored\n');
  const archive = join(directory, 'a.tar');
  const names = ['./etc/vzdump/pct.conf', './etc/hostname', './srv/data/order'];
  await runTool('tar', 'cf', archive, '-C', directory, ...names);
  return archive;
}

function editConfig(sample: Sample, name: string, edit: (text: string) => string): void {
  const path = join(sample.pveRoot, name);
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
}

/** What there is of the sample's guests: their configurations, and their volumes by name and size. */
async function stateOf(sample: Sample): Promise<unknown> {
  const volumes: string[] = [];
  for (const vmid of [100, 101]) {
    for (const name of await sample.images(vmid)) {
      const { size, mtimeMs } = await stat(sample.image(vmid, name));
      volumes.push(`${name} ${size} ${mtimeMs}`);
    }
  }
  return {
    volumes,
    vm: await sample.config('qemu-server/100.conf'),
    container: await sample.config('lxc/101.conf'),
    firewall: await sample.config('firewall/100.fw'),
  };
}

const running: GuestMethods = {
  isRunning: async () => true,
  access: () => {
    throw new Error('nobody asked');
  },
};

describe('a guest that is there', () => {
  const GUESTS = [
    ['qemu', 100, 'qemu-server/100.conf', archiveVm, 'VM'],
    ['lxc', 101, 'lxc/101.conf', archiveContainer, 'CT'],
  ] as const;

  describe.each(GUESTS)('of type %s', (type, vmid, name, makeArchive, short) => {
    const refusals: [string, string, string, (text: string) => string, boolean, boolean][] = [
      [
        'unless it is to be',
        'GUEST_EXISTS',
        `unable to restore ${short} ${vmid} - ${short} ${vmid} exists already`,
        (text) => text,
        false,
        false,
      ],
      [
        'while it runs',
        'GUEST_RUNNING',
        `unable to restore ${short} ${vmid} - ${type === 'qemu' ? 'vm' : 'container'} is running`,
        (text) => text,
        true,
        true,
      ],
      [
        'while it is locked',
        'GUEST_LOCKED',
        `${short} is locked (backup)`,
        (text) => `lock: backup\n${text}`,
        true,
        false,
      ],
      [
        'while it is protected',
        'GUEST_PROTECTED',
        `unable to restore ${short} ${vmid} - protection mode enabled`,
        (text) => `protection: 1\n${text}`,
        true,
        false,
      ],
    ];

    test.each(refusals)('is not replaced %s', async (_, code, message, edit, force, isRunning) => {
      const sample = await makeSample();
      const archive = await makeArchive(sample);
      editConfig(sample, name, edit);
      const before = await stateOf(sample);
      const methods: Partial<Record<GuestType, GuestMethods>> = isRunning ? { [type]: running } : {};
      const restored = restoreTold({ archive, vmid, pveRoot: sample.pveRoot, force, methods });
      await expect(restored).rejects.toMatchObject({ code, message });
      expect(await stateOf(sample)).toEqual(before);
    });

    test('is not replaced by one of the other type', async () => {
      const sample = await makeSample();
      const archive = await makeArchive(sample);
      const other = { archive, vmid: type === 'qemu' ? 101 : 100, pveRoot: sample.pveRoot, force: true };
      await expect(restoreTold(other)).rejects.toMatchObject({ code: 'GUEST_EXISTS' });
    });

    test('is as it was when the new one fails', async () => {
      const sample = await makeSample();
      const archive = await makeArchive(sample);
      await runTool('truncate', '-s', type === 'qemu' ? '200K' : '2500', archive);
      const before = await stateOf(sample);
      await expect(restoreTold({ archive, vmid, pveRoot: sample.pveRoot, force: true })).rejects.toThrow();
      expect(await stateOf(sample)).toEqual(before);
    });

    test('is as it was when its configuration changes meanwhile', async () => {
      const sample = await makeSample();
      const archive = await makeArchive(sample);
      const restored = restoreTold({
        ...{ archive, vmid, pveRoot: sample.pveRoot, force: true },
        onProgress: () => editConfig(sample, name, (text) => text.replace(/^memory: .*$/m, 'memory: 4096')),
      });
      await expect(restored).rejects.toMatchObject({ code: 'GUEST_CHANGED' });
      expect(await sample.config(name)).toContain('memory: 4096\n');
      expect((await sample.images(vmid)).length).toBe(3);
    });
  });

  test('on another node is never replaced', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await runTool('mkdir', '-p', join(sample.pveRoot, 'nodes/other/qemu-server'));
    await writeFile(join(sample.pveRoot, 'nodes/other/qemu-server/300.conf'), 'memory: 1\n');
    const restored = restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, force: true });
    await expect(restored).rejects.toMatchObject({ code: 'GUEST_EXISTS' });
  });

  test('may have left firewall rules, which are not replaced unless that is asked for', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    await writeFile(join(sample.pveRoot, 'firewall/300.fw'), 'of someone');
    const options = { archive, vmid: 300, pveRoot: sample.pveRoot };
    await expect(restoreTold(options)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await sample.config('firewall/300.fw')).toBe('of someone');
    await restoreTold({ ...options, force: true });
    expect(await sample.config('firewall/300.fw')).toContain('policy_in');
  });
});

describe('replaced is', () => {
  test('a virtual machine: the disks in the archive; the others are unused then', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const disk = await readFile(sample.image(100, 'vm-100-disk-0.raw'));
    await writeFile(sample.image(100, 'vm-100-disk-0.raw'), 'damaged');
    await writeFile(join(sample.pveRoot, 'firewall/100.fw'), 'changed');
    const { events } = await restoreTold({ archive, vmid: 100, pveRoot: sample.pveRoot, force: true });
    expect(await sample.images(100)).toEqual(['vm-100-disk-1.raw', 'vm-100-disk-2.raw', 'vm-100-disk-3.raw']);
    expect((await readFile(sample.image(100, 'vm-100-disk-3.raw'))).equals(disk)).toBe(true);
    const config = await sample.config('qemu-server/100.conf');
    expect(config).toContain('scsi0: local:100/vm-100-disk-3.raw,discard=on,iothread=1,size=16M\n');
    expect(config).toContain('unused0: local:100/vm-100-disk-1.raw\nunused1: local:100/vm-100-disk-2.raw\n');
    expect(config).not.toContain('[');
    expect(await sample.config('firewall/100.fw')).toContain('policy_in');
    expect(events.slice(-1)).toEqual([{ type: 'old-volume-removed', volume: 'local:100/vm-100-disk-0.raw' }]);
  });

  testWith(['root'], 'a container: what the backup holds; mount points that it left out stay', async () => {
    const sample = await makeSample();
    const archive = await archiveContainer(sample);
    const { warnings } = await restoreTold({ archive, vmid: 101, pveRoot: sample.pveRoot, force: true });
    expect(warnings).toEqual([]);
    expect(await sample.images(101)).toEqual([
      'subvol-101-disk-2.subvol',
      'subvol-101-disk-3.subvol',
      'subvol-101-disk-4.subvol',
      'subvol-101-disk-5.subvol',
    ]);
    expect(await readdir(sample.image(101, 'subvol-101-disk-2.subvol'))).toEqual(['cached']);
    expect(await readdir(sample.image(101, 'subvol-101-disk-4.subvol'))).toEqual(['order']);
    const config = await sample.config('lxc/101.conf');
    expect(config).toContain('rootfs: local:101/subvol-101-disk-3.subvol,size=0T\n');
    expect(config).toContain('unused0: local:101/subvol-101-disk-2.subvol\n');
  });

  test('nothing, when an old volume cannot be removed: it is told, and the guest is whole', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    const { warnings } = await restoreTold({
      ...{ archive, vmid: 100, pveRoot: sample.pveRoot, force: true },
      onEvent: ({ type }) => {
        if (type === 'drives-written') rmSync(sample.image(100, 'vm-100-disk-0.raw'));
      },
    });
    expect(warnings).toMatchObject([{ code: 'RESTORE_LEFTOVER', entry: 'local:100/vm-100-disk-0.raw' }]);
    expect(await sample.config('qemu-server/100.conf')).toContain('scsi0: local:100/vm-100-disk-3.raw,');
  });

  test('what is gone already: its name is free', async () => {
    const sample = await makeSample();
    const archive = await archiveVm(sample);
    rmSync(sample.image(100, 'vm-100-disk-0.raw'));
    const { warnings } = await restoreTold({ archive, vmid: 100, pveRoot: sample.pveRoot, force: true });
    expect(warnings).toEqual([]);
    expect(await sample.config('qemu-server/100.conf')).toContain('scsi0: local:100/vm-100-disk-0.raw,');
  });
});
