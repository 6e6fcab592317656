import { expect, test } from 'vitest';
import { parseGuestConfig } from './guest-config.js';
import { lxcArchiveConfig } from './lxc-archive-config.js';

test('holds the current section, without lock and parent', () => {
  const text = `#Description
arch: amd64
lock: backup
parent: snap
unused0: local:1/a.raw

rootfs: local:101/a.raw
lxc.idmap: u 0 100000 65536
lxc.cap.drop =

[pve:pending]
memory: 1
[snap]
arch: i386
`;
  expect(lxcArchiveConfig(parseGuestConfig(text, 'lxc'))).toBe(`#Description
arch: amd64
unused0: local:1/a.raw

rootfs: local:101/a.raw
lxc.idmap: u 0 100000 65536
lxc.cap.drop =
`);
});

test('a configuration without further sections stays as it is', () => {
  expect(lxcArchiveConfig(parseGuestConfig('arch: amd64\r\nodd\r\n', 'lxc'))).toBe('arch: amd64\r\nodd\r\n');
  expect(lxcArchiveConfig(parseGuestConfig('', 'lxc'))).toBe('');
});
