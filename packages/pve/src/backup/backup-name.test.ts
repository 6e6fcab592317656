import { useTimeZone } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guestOfName, parseBackupName, requireBackupExtension } from './backup-name.js';

describe('names that Proxmox makes', () => {
  test.each([
    ['vzdump-lxc-16110-2020_03_30-21_39_30.tgz', 'lxc', 'tar', 'gz', 1585604370],
    ['vzdump-qemu-16110-2020_03_30-21_12_40.vma.zst', 'qemu', 'vma', 'zst', 1585602760],
    ['vzdump-qemu-16110-2020_03_30-21_12_40.vma', 'qemu', 'vma', undefined, 1585602760],
    ['vzdump-openvz-16110-2020_03_30-21_12_40.tar.bz2', 'openvz', 'tar', 'bz2', 1585602760],
    ['vzdump-lxc-16110-2020_03_30-21_12_40.tar.gz', 'lxc', 'tar', 'gz', 1585602760],
    ['vzdump-lxc-16110-2020_03_30-21_12_40.tar.lzo', 'lxc', 'tar', 'lzo', 1585602760],
  ])('%s', (fileName, type, format, compression, ctime) => {
    useTimeZone('UTC');
    const name = parseBackupName(`/var/lib/vz/dump/${fileName}`)!;
    const stem = fileName.slice(0, fileName.indexOf('.'));
    expect(name).toEqual({
      ...{ fileName, type, format, compression },
      standard: { stem, vmid: 16110, ctime },
    });
  });

  test('tell the time of whoever reads them', () => {
    useTimeZone('Pacific/Auckland');
    const { standard } = parseBackupName('vzdump-qemu-100-2024_03_11-23_30_00.vma')!;
    expect(standard!.ctime).toBe(Date.UTC(2024, 2, 11, 10, 30) / 1000);
  });
});

test.each([
  ['vzdump-qemu-16110-whatever-the-name_is_here.tgz', 'qemu', 'tar', 'gz', 16110],
  ['vzdump-qemu-100-2024_13_01-00_00_00.vma', 'qemu', 'vma', undefined, 100], // no such month
  ['vzdump-qemu-100-2024_01_01-00_00_00-old.vma.lzo', 'qemu', 'vma', 'lzo', 100],
  ['vzdump-qemu-99-2024_01_01-00_00_00.vma', 'qemu', 'vma', undefined, undefined],
  ['vzdump-lxc-0100-2024_01_01-00_00_00.tar', 'lxc', 'tar', undefined, undefined],
  ['vzdump-lxc-1234567890-2024_01_01-00_00_00.tar', 'lxc', 'tar', undefined, undefined],
  ['vzdump-lxc-web-100-x.tar', 'lxc', 'tar', undefined, 100],
  ['vzdump-lxc-.tar.tar', 'lxc', 'tar', undefined, undefined],
  ['vzdump-qemu-1.tar.vma.zst', 'qemu', 'vma', 'zst', undefined],
])('%s is a backup that was renamed', (fileName, type, format, compression, guest) => {
  const name = parseBackupName(fileName)!;
  expect(name).toEqual({ fileName, type, format, compression, standard: undefined });
  expect(guestOfName(name)).toBe(guest);
});

test.each([
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.dat',
  'vzdump-lxc-100-2024_01_01-00_00_00.dat',
  'vzdump-qemu-100-2024_01_01-00_00_00.log',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.zst.notes',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.zst.protected',
  'vzdump-lxc-100-2024_01_01-00_00_00.tar.xz',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.xz',
  'vzdump-qemu-100-2024_01_01-00_00_00.zip',
  'vzdump-lxc-100-2024_01_01-00_00_00.tgz.lzo',
  'vzdump-qemu-100-2024_01_01-00_00_00.VMA',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma\n',
  'vzdump-qemu-100-\n2024_01_01-00_00_00.vma',
  'vzdump-kvm-100-2024_01_01-00_00_00.vma',
  'vzdump-qemu-.vma',
  'Vzdump-qemu-100-2024_01_01-00_00_00.vma',
  ' vzdump-qemu-100-2024_01_01-00_00_00.vma',
  'backup.vma.zst',
  'a.tar',
  '',
])('%j is no name of a backup', (name) => {
  expect(parseBackupName(name)).toBeUndefined();
});

test('whatever a name is, reading it takes no more than a moment and gives no path', () => {
  const pieces = fc.constantFrom(
    'vzdump-',
    'qemu-',
    '100-',
    '2024_01_01-',
    '00_00_00',
    '.vma',
    '.tar',
    '.zst',
    '/',
    '..',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 12 }), (parts) => {
      const name = parseBackupName(parts.join(''));
      expect(name?.fileName ?? '').not.toMatch(/[/\n]/);
      if (name !== undefined) expect(name.fileName.startsWith(`vzdump-${name.type}-`)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test.each(['/etc/passwd', 'a.vma.notes', 'a.vma.xz', 'vma', 'a\udc80.vma'])(
  '%j is not taken for a backup',
  (path) => {
    expect(() => requireBackupExtension(path)).toThrow(
      expect.objectContaining({
        code: 'BACKUP_NAME',
        message: expect.stringContaining("couldn't determine archive info from '"),
      }),
    );
  },
);
