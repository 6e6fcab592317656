import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMountPoint, parseStorageConfig, resolveVolume } from '@vzdump-format/pve';
import { scratch } from '@vzdump-format/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ContainerVolume } from './container-volumes.js';
import { snapshotOfVolume } from './volume-snapshot.js';

// There is neither LVM nor ZFS on machines that run these tests: here is what would be asked of them.

const STORAGES = parseStorageConfig(`lvmthin: thin
\tvgname pve
\tthinpool data
\tcontent rootdir

lvm: thick
\tvgname pve
\tcontent rootdir

zfspool: zfs
\tpool rpool/data
\tcontent rootdir,images
`);

function volumeOf(id: string): ContainerVolume {
  const volume = resolveVolume(STORAGES, id);
  const mountPoint = parseMountPoint('rootfs', `${id},size=8G`)!;
  return { mountPoint, volume, content: { kind: 'device', path: volume.path } };
}

/** Programs of these names, which note how they are called, and print what they are to. @returns the notes */
async function withPrograms(programs: Readonly<Record<string, string>>): Promise<() => string[]> {
  const directory = await scratch();
  const notes = join(directory, 'notes');
  writeFileSync(notes, '');
  for (const [name, output] of Object.entries(programs)) {
    const script = `#!/bin/sh\necho "\${0##*/} $*" >> ${notes}\ncat <<'END'\n${output}\nEND\n`;
    writeFileSync(join(directory, name), script, { mode: 0o755 });
  }
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return () => readFileSync(notes, 'utf8').split('\n').slice(0, -1);
}

test('thin volumes of LVM', async () => {
  const notes = await withPrograms({ lvs: '  vm-101-disk-0\n  data', lvcreate: '', lvremove: '' });
  const snapshot = (await snapshotOfVolume(volumeOf('thin:vm-101-disk-0')))!;
  const name = 'snap_vm-101-disk-0_vzdump';
  expect(snapshot.content).toEqual({
    ...{ kind: 'device', path: `/dev/pve/${name}`, logicalVolume: `pve/${name}` },
  });
  expect(await snapshot.exists()).toBe(false);
  await snapshot.create();
  await snapshot.remove();
  expect(notes()).toEqual([
    'lvs --noheadings --options lv_name pve',
    `lvcreate --snapshot --permission r --setactivationskip n --name ${name} pve/vm-101-disk-0`,
    `lvremove --yes pve/${name}`,
  ]);
  await withPrograms({ lvs: `  vm-101-disk-0\n  ${name}` });
  expect(await snapshot.exists()).toBe(true);
});

test('datasets of ZFS', async () => {
  const name = 'rpool/data/subvol-101-disk-0@vzdump';
  const notes = await withPrograms({ zfs: `${name}2` });
  const snapshot = (await snapshotOfVolume(volumeOf('zfs:subvol-101-disk-0')))!;
  expect(snapshot.content).toEqual({ kind: 'dataset', name });
  expect(await snapshot.exists()).toBe(false);
  await snapshot.create();
  await snapshot.remove();
  expect(notes()).toEqual([
    'zfs list -H -o name -t snapshot -d 1 rpool/data/subvol-101-disk-0',
    `zfs snapshot ${name}`,
    `zfs destroy ${name}`,
  ]);
  await withPrograms({ zfs: name });
  expect(await snapshot.exists()).toBe(true);
});

test('others have none', async () => {
  expect(await snapshotOfVolume(volumeOf('thick:vm-101-disk-0'))).toBeUndefined();
  expect(await snapshotOfVolume(volumeOf('zfs:vm-101-disk-0'))).toBeUndefined();
});
