import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { ROOT } from './documented-commands.js';
import { CLI } from './running-cli.js';

const run = promisify(execFile);

/**
 * A private place for all of it: mounts here are seen by nobody else, and end with the process that holds
 * them.
 */
const HOLDER = 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/empty && echo ready && exec cat > /dev/null';

/**
 * Runs a command with directories of its own in front of the host's. $1: the layer that takes what it
 * changes; $2: the one that is laid over the host before; $3: the command.
 */
const IN_LAYER = `
set -e
for name in dev etc run srv tmp usr/local var mnt; do
  lower=/$name upper=/mnt/$1/upper/$name work=/mnt/$1/work/$name
  [ $name != mnt ] || lower=/mnt/empty
  [ -z "$2" ] || lower=/mnt/$2/upper/$name:$lower
  mkdir -p $upper $work
  mount -t overlay overlay -o lowerdir=$lower,upperdir=$upper,workdir=$work /$name
done
export HOME=/var/home PATH=/usr/local/bin:$PATH
mkdir -p $HOME /var/work
cd /var/work
exec bash -e -o pipefail -c "$3"
`;

/** What stands for other machines, for Proxmox VE's own programs, and for a person who reads. */
const STAND_INS: Readonly<Record<string, string>> = {
  'vzdump-format': `exec '${process.execPath}' '${CLI}' "$@"`,
  ssh: 'shift; exec sh -c "$*"',
  qmrestore: 'exec cat > /dev/null',
  less: 'exec cat',
  hook: 'exit 0',
};

/** All that is named in the documents. */
const CONTENTS = `
ln -s '${ROOT}/examples' examples
node() { '${process.execPath}' "$@"; }
node examples/pve/make-guests.mjs /var/sample > /dev/null
rm -rf /var/lib/vz
ln -s /var/sample/storage /var/lib/vz
ln -s /var/sample/pve /etc/pve
printf '\\ndir: local-lvm\\n\\tpath /srv/lvm\\n\\tcontent images,rootdir\\n' >> /etc/pve/storage.cfg
mkdir -p /srv/lvm/images /mnt/usb /mnt/other /dev/vg0 ~/.config/fish/completions /usr/local/share/zsh/site-functions

cp examples/vm/qemu-server.conf .
cp /etc/pve/lxc/101.conf 101.conf
cp 101.conf pct.conf
cp /etc/pve/firewall/100.fw qemu-server.fw
cp qemu-server.fw 101.fw
gzip -dc examples/vm/disk.raw.gz > disk.raw
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
echo 'before the upgrade' > notes.txt
vm='--config qemu-server.conf --config qemu-server.fw --drive drive-scsi0=disk.raw --drive drive-scsi1=disk.raw'
for archive in backup.vma.zst backup.vma.gz old.vma.lzo; do vzdump-format pack $archive $vm; done

for root in /mnt/ct /srv/rootfs; do
  mkdir -p $root/etc/network $root/home $root/var/lib/mysql $root/var/log
  for file in etc/fstab etc/network/interfaces home/a.txt var/lib/mysql/data var/log/a.log var/log/keep.log; do
    echo $file > $root/$file
  done
done
vzdump-format pack backup.tar.zst --root /mnt/ct --config 101.conf --firewall 101.fw
cp backup.tar.zst vzdump-lxc-101.tar.zst
vzdump-format pack root.mpxar --root /srv/rootfs
cp root.ppxar /mnt/other

cp -a /var/sample /tmp/sample
sed -i s,/var/sample,/tmp/sample, /tmp/sample/pve/storage.cfg /tmp/sample/pve/lxc/101.conf
vzdump-format dump 100 --pve-root /tmp/sample/pve --dumpdir /tmp --compress zstd
vzdump-format dump 100 101 --storage local --compress zstd --notes-template '{{guestname}}'
stamp() { sed 's/[0-9_]*-[0-9_]*\\(\\.[a-z]\\)/2026_11_20-02_00_00\\1/'; }
for file in /var/lib/vz/dump/*; do mv $file $(echo $file | stamp); done
cp /var/lib/vz/dump/*.vma.zst /var/lib/vz/dump/*.tar.zst .
`;

/**
 * A host where everything is that the documents name, in place of what is there on this one; as long as it is
 * open.
 */
export class SampleHost {
  private layers = 0;

  private constructor(private readonly holder: ChildProcess) {}

  static async open(): Promise<SampleHost> {
    const args = ['--mount', '--net', '--propagation', 'private', 'sh', '-c', HOLDER];
    const host = new SampleHost(spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    try {
      await once(host.holder.stdout!, 'data');
      await host.runIn('base', '', [...Object.entries(STAND_INS).map(standIn), CONTENTS].join('\n'));
    } catch (error) {
      await host.close();
      throw error;
    }
    return host;
  }

  /** Runs a command, whose changes are gone afterwards. @throws with what it wrote */
  async run(command: string): Promise<void> {
    this.layers++;
    await this.runIn(`layer-${this.layers}`, 'base', command);
  }

  async close(): Promise<void> {
    const ended = once(this.holder, 'exit');
    this.holder.stdin!.end();
    await ended;
  }

  private async runIn(layer: string, below: string, command: string): Promise<void> {
    const inside = ['--target', String(this.holder.pid), '--mount', '--net', '--'];
    const apart = ['unshare', '--mount', '--propagation', 'private', '--'];
    await run('nsenter', [...inside, ...apart, 'bash', '-c', IN_LAYER, 'bash', layer, below, command]);
  }
}

function standIn([name, body]: readonly [string, string]): string {
  const path = `/usr/local/bin/${name}`;
  return `printf '%s\\n' '#!/bin/sh' ${quoted(body)} > ${path}\nchmod 755 ${path}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
