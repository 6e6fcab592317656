import { expect, test } from 'vitest';
import { formatDriveMapLine, lxcArchiveConfig, parseDriveMap, qemuArchiveConfig } from './archive-config.js';
import { parseGuestConfig } from './guest-config.js';

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

test.each([
  ['#qmdump#map:scsi0:drive-scsi0:local-lvm:raw:', 'scsi0', 'drive-scsi0', 'local-lvm', 'raw'],
  [
    '#qmdump#map:tpmstate0:drive-tpmstate0-backup:local-zfs:raw:',
    'tpmstate0',
    'drive-tpmstate0-backup',
    'local-zfs',
    'raw',
  ],
  ['#qmdump#map:scsi0:drive-scsi0:rbdkvm::', 'scsi0', 'drive-scsi0', 'rbdkvm', ''],
  ['#qmdump#map:scsi0:drive-scsi0::qcow2:', 'scsi0', 'drive-scsi0', '', 'qcow2'],
])('%s', (line, key, deviceName, storage, format) => {
  const entry = { key, deviceName, storage, format };
  expect(parseDriveMap(`name: x\n${line}\n`)).toEqual([entry]);
  expect(formatDriveMapLine(entry)).toBe(line);
});

test.each([
  '#qmdump#map:scsi0:drive-scsi0:local:raw',
  '#qmdump#map:scsi0:drive-scsi0:local:',
  '#qmdump#map:scsi0:drive-scsi0:local:raw:x:',
  '#qmdump#map::drive-scsi0:local:raw:',
  '#qmdump#map:scsi0::local:raw:',
  '#qmdump#map:scsi 0:drive-scsi0:local:raw:',
  ' #qmdump#map:scsi0:drive-scsi0:local:raw:',
  `#qmdump#map:${':'.repeat(1 << 20)} `,
])('%.60j is no map line', (line) => {
  expect(parseDriveMap(`${line}\n`)).toEqual([]);
});

test('carriage returns do not count', () => {
  expect(parseDriveMap('#qmdump#map:scsi0:drive-scsi0:local:raw:\r\n')).toHaveLength(1);
});

function lxcArchived(text: string): string {
  return lxcArchiveConfig(parseGuestConfig(text, 'lxc'));
}

test("a container's holds the current section as Proxmox VE writes it, without lock and parent", () => {
  const text = `#Description: a
rootfs: local:101/a.raw
lxc.idmap = u 0 100000 65536
lock: backup
parent: snap
unused0: local:1/a.raw

#
#of lines
arch:  i386
odd
lxc.cap.drop =
arch: amd64\r

[pve:pending]
memory: 1
[snap]
arch: i386
`;
  expect(lxcArchived(text)).toBe(`#Description%3A a
#
#of lines
arch: amd64
rootfs: local:101/a.raw
unused0: local:1/a.raw
lxc.idmap: u 0 100000 65536
lxc.cap.drop: 
`);
});

test.each(['[a]', '[2024-05-01]', '[special:x]', '[]'])(
  '%s begins no section of a container, so that what follows counts',
  (header) => {
    expect(lxcArchived(`memory: 1\n${header}\nmemory: 2\n`)).toBe('memory: 2\n');
  },
);

test('a description in the value of a key becomes comments', () => {
  expect(lxcArchived('arch: x\ndescription: a%0Ab%0A%0A\n')).toBe('#a\n#b\narch: x\n');
});

test('of no container, it is nothing', () => {
  expect(lxcArchived('')).toBe('');
  expect(lxcArchived('#\n\n#\n')).toBe('');
});
