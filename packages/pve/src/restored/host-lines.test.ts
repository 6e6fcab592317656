import { describe, expect, test } from 'vitest';
import { parseGuestConfig } from '../guest/guest-config.js';
import { hostLines } from './host-lines.js';

function found(text: string, type: 'qemu' | 'lxc'): string {
  return hostLines(parseGuestConfig(text, type))
    .map((line) => line.text)
    .join('');
}

describe('of a virtual machine', () => {
  test.each([
    'args: -device x\n',
    'cicustom: user=local:snippets/user.yml\n',
    'hookscript: local:snippets/hook.pl\n',
    'hostpci0: 0000:01:00.0\n',
    'hostpci1: mapping=gpu\n',
    'ide2: cdrom,media=cdrom\n',
    'ide2: cdrom\n',
    'ide9: /etc/shadow,media=cdrom\n',
    'ide2: /dev/sr0,media=cdrom\n',
    'ivshmem: size=1\n',
    'parallel0: /dev/parport0\n',
    'rng0: source=/dev/hwrng\n',
    'serial0: /dev/ttyS0\n',
    'unheard-of: local:101/vm-101-disk-0.raw\n',
    'unheard-of: /dev/pve/vm-101-disk-0\n',
    'unheard-of: a=1,file=/etc/shadow\n',
    'usb0: host=1234:5678\n',
    'usb1: mapping=stick\n',
    'virtiofs0: dirid=home\n',
  ])('%j acts on the host', (line) => {
    expect(found(`name: a\n${line}`, 'qemu')).toBe(line);
  });

  test.each([
    '#/etc/shadow\n',
    'boot: order=scsi0;net0\n',
    'ide2: none,media=cdrom\n',
    'ide2: local:iso/debian.iso,media=cdrom\n',
    'ipconfig0: ip=192.0.2.2/24,gw=192.0.2.1\n',
    'net0: virtio=BC:24:11:00:00:01,bridge=vmbr0\n',
    'rng0: source=/dev/urandom\n',
    'rng0: max_bytes=1,source=/dev/random,period=1\n',
    'scsi0: /dev/sdb\n',
    'scsi99: /dev/sdb\n',
    'scsi0: local:101/vm-101-disk-0.raw\n',
    'serial0: socket\n',
    'smbios1: base64=1,serial=/abc\n',
    'unused0: local:101/vm-101-disk-1.raw\n',
    'usb0: host=spice,usb3=1\n',
    'usb0: spice\n',
    '[snap]\nargs: x\n',
  ])('%j does not', (line) => {
    expect(found(line, 'qemu')).toBe('');
  });
});

describe('of a container', () => {
  test.each([
    'dev0: /dev/ttyUSB0\n',
    'hookscript: local:snippets/hook.pl\n',
    'lxc.apparmor.profile: unconfined\n',
    'lxc.cap.drop:\n',
    'lxc.cgroup2.devices.allow: a\n',
    'lxc.environment.hooks: LD_PRELOAD=x\n',
    'lxc.hook.pre-start: /tmp/x\n',
    'lxc.hook.mount = sh\n',
    'lxc.idmap: u 0 0 65536\n',
    'lxc.idmap: u 0 00 65536\n',
    'lxc.idmap: nonsense\n',
    'lxc.include: x\n',
    'lxc.mount.entry: /etc etc none bind 0 0\n',
    'lxc.mount.entry: tmpfs ../../etc tmpfs rw 0 0\n',
    'lxc.rootfs.path: /\n',
    'mp0: /srv,mp=/srv\n',
    'mp0: /dev/sdb,mp=/srv\n',
    'unheard_of: /etc/shadow\n',
  ])('%j acts on the host', (line) => {
    expect(found(`hostname: a\n${line}`, 'lxc')).toBe(line);
  });

  test.each([
    'entrypoint: /sbin/init\n',
    'env: PATH=/bin\n',
    'features: nesting=1\n',
    'lxc.cap.drop: sys_time\n',
    'lxc.environment: LANG=C\n',
    'lxc.idmap: u 0 100000 65536\nlxc.idmap: g 1000 1000 1\n',
    'lxc.mount.entry: tmpfs run/lock tmpfs rw,nodev 0 0\n',
    'mp0: local:101/vm-101-disk-1.raw,mp=/srv\n',
    'net0: name=eth0,bridge=vmbr0,ip=192.0.2.2/24\n',
    'rootfs: local:101/vm-101-disk-0.raw,size=1G\n',
    'timezone: Europe/Berlin\n',
  ])('%j does not', (line) => {
    expect(found(line, 'lxc')).toBe('');
  });

  test('map lines of ids count together', () => {
    const lines = 'lxc.idmap: u 0 100000 1000\nlxc.idmap: u 1000 0 1\nlxc.idmap: g 0 100000 65536\n';
    expect(found(lines, 'lxc')).toBe(lines);
  });
});
