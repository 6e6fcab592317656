import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStorageConfig, requireStorage } from './storage-config.js';
import { newVolumeId, nextDiskNumber, parseVolumeId, resolveVolume, storageFormats } from './volume.js';

const STORAGES = parseStorageConfig(`
dir: dir
	path /dir
	content-dirs backup=weekly

btrfs: butter
	path /butter

lvm: vg
	vgname pve

lvmthin: thin
	vgname pve
	thinpool data

zfspool: tank
	pool tank/guests

rbd: ceph
	pool rbd
`);

describe('resolveVolume', () => {
  test.each([
    ['dir:100/vm-100-disk-0.qcow2', '/dir/images/100/vm-100-disk-0.qcow2', 'qcow2'],
    ['dir:100/vm-100-disk-0.raw', '/dir/images/100/vm-100-disk-0.raw', 'raw'],
    ['dir:100/my disk.vmdk', '/dir/images/100/my disk.vmdk', 'vmdk'],
    ['dir:101/subvol-101-disk-0.subvol', '/dir/images/101/subvol-101-disk-0.subvol', 'subvol'],
    ['dir:100/base-100-disk-0.raw/101/vm-101-disk-0.qcow2', '/dir/images/101/vm-101-disk-0.qcow2', 'qcow2'],
    ['dir:iso/debian.iso', '/dir/template/iso/debian.iso', 'raw'],
    [
      'dir:backup/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst',
      '/dir/weekly/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst',
      'raw',
    ],
    ['dir:rootdir/101', '/dir/private/101', 'subvol'],
    ['dir:snippets/a/b', '/dir/snippets/a/b', 'raw'],
    ['butter:100/vm-100-disk-0.raw', '/butter/images/100/vm-100-disk-0/disk.raw', 'raw'],
    ['butter:100/vm-100-disk-0.qcow2', '/butter/images/100/vm-100-disk-0.qcow2', 'qcow2'],
    ['butter:101/subvol-101-disk-0.subvol', '/butter/images/101/subvol-101-disk-0.subvol', 'subvol'],
    ['vg:vm-100-disk-0', '/dev/pve/vm-100-disk-0', 'raw'],
    ['vg:vm-100-disk-0.qcow2', '/dev/pve/vm-100-disk-0.qcow2', 'qcow2'],
    ['thin:base-100-disk-0/vm-101-disk-0', '/dev/pve/vm-101-disk-0', 'raw'],
    ['tank:vm-100-disk-0', '/dev/zvol/tank/guests/vm-100-disk-0', 'raw'],
    ['tank:subvol-101-disk-0', '/tank/guests/subvol-101-disk-0', 'subvol'],
    ['tank:basevol-101-disk-0/subvol-102-disk-0', '/tank/guests/subvol-102-disk-0', 'subvol'],
    ['local:iso/a.iso', '/var/lib/vz/template/iso/a.iso', 'raw'],
  ])('%s', (volume, path, format) => {
    expect(resolveVolume(STORAGES, volume)).toMatchObject({
      path,
      format,
      storage: { id: volume.split(':')[0] },
    });
  });

  test.each([
    ['/dev/sdb', 'raw'],
    ['/dev/pve/x.qcow2', 'raw'],
    ['/srv/a.qcow2', 'qcow2'],
    ['/srv/a', 'raw'],
  ])('%s is a path', (path, format) => {
    expect(resolveVolume(STORAGES, path)).toEqual({ path, format, storage: undefined });
  });

  test.each([
    'none',
    'a.raw',
    '../a.raw',
    'd:100/a.raw',
    'dir:',
    'dir:100',
    'dir:100/',
    'dir:100/../../../etc/shadow.raw',
    'dir:../100/a.raw',
    'dir:100/..',
    'dir:/100/a.raw',
    'dir:100//a.raw',
    'dir:100/a.raw/b.raw',
    'dir:100/a.raw/x/b.raw',
    'dir:100/a.raw/101/b.raw/102/c.raw',
    'dir:100/a.img',
    'dir:100/.raw',
    'dir:100/a\0.raw',
    `dir:100/${'x'.repeat(256)}.raw`,
    'dir:backup',
    'dir:backup/..',
    'dir:backup/../x',
    'dir:images/a.raw',
    'dir:constructor/a',
    'dir:other/a',
    'butter:100/...raw',
    'butter:100/..raw',
    'vg:../sda',
    'vg:data',
    'vg:vm-100-disk-0/..',
    'vg:a/b/vm-100-disk-0',
    'tank:subvol-101-disk-0/../x',
    'tank:other',
    '/a\0b',
  ])('%j is refused', (volume) => {
    expect(() => resolveVolume(STORAGES, volume)).toThrow(
      expect.objectContaining({ code: 'VOLUME_ID', entry: volume }),
    );
  });

  test.each([
    ['gone:100/a.raw', 'STORAGE_UNKNOWN'],
    ['ceph:vm-100-disk-0', 'STORAGE_TYPE'],
  ])('%s: %s', (volume, code) => {
    expect(() => resolveVolume(STORAGES, volume)).toThrow(expect.objectContaining({ code }));
  });

  test('never leads out of the storage', () => {
    const part = fc.oneof(
      fc.constantFrom('..', '.', '', '100', 'backup', '..raw', '...raw', 'vm-1-a', 'x.raw'),
      fc.string(),
    );
    const name = fc.array(part, { maxLength: 6 }).map((parts) => parts.join('/'));
    const roots = { dir: '/dir/', butter: '/butter/', vg: '/dev/pve/', tank: '/' } as const;
    fc.assert(
      fc.property(fc.constantFrom('dir', 'butter', 'vg', 'tank'), name, (id, text) => {
        try {
          const { path } = resolveVolume(STORAGES, `${id}:${text}`);
          expect(path.startsWith(roots[id])).toBe(true);
          expect(path.split('/').some((component) => component === '..' || component === '.')).toBe(false);
          expect(path).not.toContain('\0');
        } catch (error) {
          expect(error).toMatchObject({ code: 'VOLUME_ID' });
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test.each([
  ['local:1/a:b', { storage: 'local', name: '1/a:b' }],
  ['local-lvm_2.x:a', { storage: 'local-lvm_2.x', name: 'a' }],
  ['/a:b', undefined],
  ['l:a', undefined],
  ['1l:a', undefined],
  ['local-:a', undefined],
  ['local', undefined],
])('parseVolumeId(%j)', (text, id) => {
  expect(parseVolumeId(text)).toEqual(id);
});

test.each([
  ['dir', 'qcow2', 'disk-0', 'dir:300/vm-300-disk-0.qcow2'],
  ['dir', 'subvol', 'disk-1', 'dir:300/subvol-300-disk-1.subvol'],
  ['butter', 'raw', 'disk-1', 'butter:300/vm-300-disk-1.raw'],
  ['vg', 'raw', 'cloudinit', 'vg:vm-300-cloudinit'],
  ['tank', 'subvol', 'disk-0', 'tank:subvol-300-disk-0'],
] as const)('newVolumeId on %s as %s', (id, format, name, expected) => {
  const volume = newVolumeId(requireStorage(STORAGES, id), { vmid: 300, name, format });
  expect(volume).toBe(expected);
  expect(resolveVolume(STORAGES, volume)).toMatchObject({ format });
});

test('nextDiskNumber takes the first gap', () => {
  expect(nextDiskNumber(100, [])).toBe(0);
  const names = [
    'vm-100-disk-0.raw',
    'base-100-disk-1',
    'subvol-100-disk-3.subvol',
    'vm-1001-disk-2',
    'vm-100-disk-2x',
    'x-vm-100-disk-2',
  ];
  expect(nextDiskNumber(100, names)).toBe(2);
});

test.each([
  ['dir', 'raw,qcow2,vmdk,subvol'],
  ['butter', 'raw,subvol'],
  ['vg', 'raw'],
  ['tank', 'raw,subvol'],
])('the formats of %s', (id, formats) => {
  expect(storageFormats(requireStorage(STORAGES, id)).join()).toBe(formats);
});
