import { expect, test } from 'vitest';
import { parseGuestConfig } from './guest-config.js';
import { qemuArchiveConfig } from './qemu-archive-config.js';

const MAP = [
  { key: 'scsi0', deviceName: 'drive-scsi0', storage: 'local-lvm', format: 'raw' },
  { key: 'tpmstate0', deviceName: 'drive-tpmstate0-backup', storage: '', format: 'raw' },
];

function archived(text: string, map = MAP) {
  return qemuArchiveConfig(parseGuestConfig(text, 'qemu'), map);
}

test('holds the current section, and a line for each drive', () => {
  const text = `#Description%3A
#vzdump#old
#qmdump#map:scsi9:drive-scsi9:old:raw:
boot: order=scsi0
lock: backup
not understood
parent: snap
scsi0:local-lvm:vm-100-disk-0,size=4M
unused0: local-lvm:vm-100-disk-1
unused12: local:100/vm-100-disk-2.raw

[PENDING]
cores: 2
[special:fleecing]
fleecing-images: x
[snap]
unused3: local:100/vm-100-disk-3.raw
`;
  expect(archived(text)).toEqual({
    text: `#Description%3A
boot: order=scsi0
not understood
scsi0:local-lvm:vm-100-disk-0,size=4M

#qmdump#map:scsi0:drive-scsi0:local-lvm:raw:
#qmdump#map:tpmstate0:drive-tpmstate0-backup::raw:
`,
    messages: [
      "skip unused drive 'local-lvm:vm-100-disk-1' (not included into backup)",
      "skip unused drive 'local:100/vm-100-disk-2.raw' (not included into backup)",
      'special config section found (not included into backup)',
      'snapshots found (not included into backup)',
      'pending configuration changes found (not included into backup)',
    ],
  });
});

test('tells of what there is, once', () => {
  expect(archived('a: 1\n[one]\n[two]\n').messages).toEqual(['snapshots found (not included into backup)']);
  expect(archived('a: 1\n[special:x]\n').messages).toEqual([
    'special config section found (not included into backup)',
  ]);
  expect(archived('a: 1\n').messages).toEqual([]);
});

test('the first map line begins a line', () => {
  expect(archived('name: x').text).toMatch(/^name: x\n#qmdump#map:scsi0/);
  expect(archived('').text).toMatch(/^#qmdump#map:scsi0/);
});

test('without drives, it is the section as it stands', () => {
  expect(archived('name: x\r\n\r\nagent: 1', []).text).toBe('name: x\r\n\r\nagent: 1');
});

test('keys that only begin like those that are left out stay', () => {
  const text = 'locked: 1\nparents: 1\nunused: 1\nunused1x: 1\n#vzdump is good\n#qmdump\n';
  expect(archived(text, []).text).toBe(text);
});
