import { parseGuestConfig } from '@vzdump-format/pve';
import { expect, test } from 'vitest';
import { sortOldVolumes } from './replaced-guest.js';

function sort(text: string, restored: readonly string[], inUse: readonly string[] = [], vmid = 100) {
  return sortOldVolumes(parseGuestConfig(text, 'qemu'), vmid, new Set(restored), new Set(inUse));
}

test('only what was restored is replaced', () => {
  const config = `scsi0: local:100/vm-100-disk-0.raw,size=1G
scsi1: file=thin:vm-100-disk-1
unused0: local:100/vm-100-disk-2.raw
ide0: none,media=cdrom
`;
  expect(sort(config, ['scsi0'])).toEqual({
    replaced: ['local:100/vm-100-disk-0.raw'],
    kept: ['thin:vm-100-disk-1', 'local:100/vm-100-disk-2.raw'],
  });
});

test('what belongs to others, or to nobody, is left alone', () => {
  const config = `scsi0: local:200/vm-200-disk-0.raw
scsi1: /dev/sda
scsi2: local:iso/debian.iso,media=cdrom
scsi3: local:1000/vm-1000-disk-0.raw
scsi4: local:100/vm-100-disk-0.raw
`;
  const keys = ['scsi0', 'scsi1', 'scsi2', 'scsi3', 'scsi4'];
  expect(sort(config, keys, ['local:100/vm-100-disk-0.raw'])).toEqual({ replaced: [], kept: [] });
});

test('what others may stand upon stays', () => {
  const base = 'local:100/base-100-disk-0.qcow2';
  expect(sort(`scsi0: ${base}\n`, ['scsi0'])).toEqual({ replaced: [], kept: [base] });
  const clone = `${base}/101/vm-101-disk-0.qcow2`;
  expect(sort(`scsi0: ${clone}\n`, ['scsi0'], [], 101)).toEqual({ replaced: [clone], kept: [] });
});

test('what only snapshots have stays', () => {
  const config = `scsi0: local:100/vm-100-disk-0.raw

[before]
scsi0: local:100/vm-100-disk-1.raw
vmstate: local:100/vm-100-state-before.raw
`;
  expect(sort(config, ['scsi0'])).toEqual({
    replaced: ['local:100/vm-100-disk-0.raw'],
    kept: ['local:100/vm-100-disk-1.raw', 'local:100/vm-100-state-before.raw'],
  });
});
