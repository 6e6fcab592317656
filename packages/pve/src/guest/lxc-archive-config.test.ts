import { expect, test } from 'vitest';
import { parseGuestConfig } from './guest-config.js';
import { lxcArchiveConfig } from './lxc-archive-config.js';

function archived(text: string): string {
  return lxcArchiveConfig(parseGuestConfig(text, 'lxc'));
}

test('holds the current section as Proxmox VE writes it, without lock and parent', () => {
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
  expect(archived(text)).toBe(`#Description%3A a
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
    expect(archived(`memory: 1\n${header}\nmemory: 2\n`)).toBe('memory: 2\n');
  },
);

test('a description in the value of a key becomes comments', () => {
  expect(archived('arch: x\ndescription: a%0Ab%0A%0A\n')).toBe('#a\n#b\narch: x\n');
});

test('of nothing, it is nothing', () => {
  expect(archived('')).toBe('');
  expect(archived('#\n\n#\n')).toBe('');
});
