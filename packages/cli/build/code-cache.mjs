// Makes the bundle's code cache: the bytecode of what was compiled for a few typical commands.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';

const require = createRequire(import.meta.url);
const { loadBundle, codeCacheOf } = require('../bin/cached-bundle.js');

const BUNDLE = require.resolve('../dist/vzdump-format.cjs');
const ARCHIVES = ['a.tar', 'a.tar.zst', 'a.pxar', 'a.mpxar'];
const DISKS = 'a.vma.zst';
/** A host that has nothing but the configurations of a virtual machine and of a container. */
const HOST = ['--pve-root', 'pve', '--lock-file', 'lock', '--config', '/dev/null'];

/** Their numbers, which no guest has that may run on the machine that builds. */
const VM = '999999998';
const CONTAINER = '999999999';

/** What is done, in a directory of its own: the commands that are used most. */
const USES = [
  ...ARCHIVES.map((archive) => ['pack', archive, '--root', 'tree']),
  ['pack', DISKS, '--drive', 'drive-scsi0=disk.raw'],
  ...[...ARCHIVES, DISKS].map((archive) => ['list', archive]),
  ...ARCHIVES.map((archive) => ['verify', archive]),
  ...[...ARCHIVES, DISKS].map((archive) => ['unpack', archive, '--to', `${archive}.unpacked`]),
  ...[VM, CONTAINER].map((vmid) => ['dump', vmid, ...HOST, '--dumpdir', 'dump', '--compress', 'zstd']),
];

const directory = mkdtempSync(join(tmpdir(), 'vzdump-format-build-'));
try {
  process.chdir(directory);
  makeSample();
  await makeCodeCache();
} finally {
  process.chdir('/');
  rmSync(directory, { recursive: true });
}

function makeSample() {
  for (const path of ['tree/directory', 'pve/qemu-server', 'pve/lxc', 'dump']) {
    mkdirSync(path, { recursive: true });
  }
  writeFileSync('tree/directory/small', 'content');
  writeFileSync('tree/large', Buffer.alloc(1 << 20, 1));
  writeFileSync('disk.raw', Buffer.alloc(1 << 20, 1));
  writeFileSync(`pve/qemu-server/${VM}.conf`, `scsi0: ${resolve('disk.raw')},size=1M\n`);
  writeFileSync(`pve/lxc/${CONTAINER}.conf`, `rootfs: ${resolve('tree')}\n`);
}

async function makeCodeCache() {
  // What was not run for a while would be thrown away again: a quarter of it in Node 26.
  setFlagsFromString('--no-flush-bytecode');
  const { script, exports } = loadBundle(BUNDLE);
  await exports.run(['--version']);
  for (const args of USES) {
    await exports.run([...args, '--quiet']);
    if (process.exitCode) throw new Error(`${args.join(' ')} failed`);
  }
  setFlagsFromString('--flush-bytecode'); // a cache is for the flags that are set when it is made
  writeFileSync(codeCacheOf(BUNDLE), script.createCachedData());
}
