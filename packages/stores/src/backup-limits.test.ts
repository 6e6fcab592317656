import { parseBackupName } from '@vzdump-format/pve';
import { expect, test } from 'vitest';
import { requireRoomForBackup, requireRoomForProtected } from './backup-limits.js';
import type { Backup } from './backup-store.js';

function backups(unprotected: number, protectedOnes: number): Backup[] {
  const name = parseBackupName('vzdump-qemu-100-2026_11_20-02_00_00.vma')!;
  const backup = {
    id: '',
    path: '',
    name,
    vmid: 100,
    size: 0,
    ctime: 0,
    notes: undefined,
    isProtected: false,
  };
  return [
    ...Array.from({ length: unprotected }, () => backup),
    ...Array.from({ length: protectedOnes }, () => ({ ...backup, isProtected: true })),
  ];
}

test('as many backups as the rules keep together', () => {
  requireRoomForBackup(backups(4, 9), { last: 3, daily: 2 });
  expect(() => requireRoomForBackup(backups(5, 0), { last: 3, daily: 2 })).toThrow(
    'There is a max backup limit of 5 enforced by the target storage or the vzdump parameters. ' +
      'Either increase the limit or delete old backups.',
  );
  requireRoomForBackup(backups(1000, 0), {});
});

test('as many protected ones as the storage allows', () => {
  requireRoomForProtected(backups(9, 4), { id: 'local', maxProtectedBackups: 5 });
  requireRoomForProtected(backups(0, 1000), { id: 'local', maxProtectedBackups: -1 });
  requireRoomForProtected(backups(0, 1000), { id: 'local' });
  expect(() => requireRoomForProtected(backups(0, 5), { id: 'local', maxProtectedBackups: 5 })).toThrow(
    "The number of protected backups per guest is limited to 5 on storage 'local'",
  );
  expect(() => requireRoomForProtected([], { id: 'nas', maxProtectedBackups: 0 })).toThrow(
    /limited to 0 on storage 'nas'/,
  );
});
