import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256, writeNoise } from './disk-content.js';

const DISK_SIZE = 64 * 1024;

const FILES = {
  'pve/storage.cfg': 'dir: local\n\tpath DIR/storage\n\tcontent images,rootdir,backup\n',
  'pve/qemu-server/100.conf': 'name: vm\nscsi0: local:100/vm-100-disk-0.raw,size=64K\n',
  'pve/qemu-server/102.conf': 'name: chosen\nscsi0: DIR/chosen.raw,size=64K\n',
  'pve/firewall/100.fw': '[OPTIONS]\n\nenable: 1\n',
  'pve/lxc/101.conf': 'arch: amd64\nhostname: ct\nrootfs: local:101/subvol-101-disk-0.subvol,size=0T\n',
  'storage/images/101/subvol-101-disk-0.subvol/etc/hostname': 'ct\n',
  'storage/images/101/subvol-101-disk-0.subvol/usr/bin/tool': '#!/bin/sh\n',
  'tree/etc/hostname': 'tree\n',
  'tree/usr/bin/tool': '#!/bin/sh\necho tree\n',
  'out/a.vma': 'former\n',
  'out/a.tar.zst': 'former\n',
  'out/a.mpxar': 'former\n',
  'out/a.ppxar': 'former\n',
  'out/qemu-server.conf': 'former\n',
  'out/disk-drive-scsi0.raw': 'former\n',
  'out/etc/hostname': 'former\n',
} as const;

/** A host with tiny guests below a directory, and what is there to be packed and replaced besides. */
export async function makeSmallHost(directory: string): Promise<void> {
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text.replaceAll('DIR', directory));
  }
  await symlink('hostname', join(directory, 'tree/etc/link'));
  for (const name of ['storage/images/100', 'storage/dump', 'archives']) {
    await mkdir(join(directory, name), { recursive: true });
  }
  await writeNoise(join(directory, 'storage/images/100/vm-100-disk-0.raw'), DISK_SIZE, 'scsi0');
  await writeNoise(join(directory, 'chosen.raw'), DISK_SIZE, 'chosen');
}

/**
 * Everything below a directory, a line each: its name, and the hash of its content. What is different each
 * time is made alike; of a new backup, which holds the time, it is the size.
 */
export function contentOf(directory: string, ignored: RegExp): readonly string[] {
  const lines: string[] = [];
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name).slice(directory.length + 1);
    if (!ignored.test(name))
      lines.push(`${name.replace(STAMP, 'STAMP')} ${described(directory, name, entry)}`);
  }
  return lines.sort();
}

const STAMP = /\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/;
const UUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g;

function described(directory: string, name: string, entry: Dirent): string {
  const path = join(directory, name);
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  if (STAMP.test(name)) return `${lstatSync(path).size} bytes`;
  const text = readFileSync(path, 'latin1').replaceAll(directory, 'DIR').replace(UUID, 'UUID');
  return sha256(Buffer.from(text, 'latin1'));
}
