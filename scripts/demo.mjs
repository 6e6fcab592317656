// Packs the sample VM, and dumps and restores it as a guest: what comes out is what went in.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const bin = fileURLToPath(new URL('../packages/cli/bin/vzdump-format.js', import.meta.url));
const sample = fileURLToPath(new URL('../examples/vm/', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'vzdump-format-demo-'));
process.on('exit', () => rmSync(directory, { recursive: true }));

say(`The sample: a VM's configuration, and its disk with an ext4 file system, in ${directory}`);
writeFileSync(join(directory, 'disk.raw'), gunzipSync(readFileSync(join(sample, 'disk.raw.gz'))));
const config = join(sample, 'qemu-server.conf');

say('Pack them into an archive that Proxmox VE restores:');
run('pack', 'vm.vma.zst', '--config', config, '--drive', 'drive-scsi0=disk.raw');

say('What is in it:');
run('list', 'vm.vma.zst');

say('Prove that it is whole:');
run('verify', 'vm.vma.zst');

say('Take it apart again:');
run('unpack', 'vm.vma.zst', '--to', 'restored');

say('Compare:');
same('disk.raw', 'restored/disk-drive-scsi0.raw');
same(config, 'restored/qemu-server.conf');

say('And what a damaged archive gives:');
const damaged = readFileSync(join(directory, 'vm.vma.zst'));
writeFileSync(join(directory, 'cut-short.vma.zst'), damaged.subarray(0, damaged.length / 2));
run('verify', 'cut-short.vma.zst', { expectedStatus: 1 });

say("Whole guests, by Proxmox VE's configuration: back one up, and make another of the backup:");
const makeGuests = fileURLToPath(new URL('../examples/pve/make-guests.mjs', import.meta.url));
if (spawnSync(process.execPath, [makeGuests, join(directory, 'host')]).status !== 0)
  fail('there is no sample');
const host = ['--pve-root', 'host/pve'];
const own = ['--config', '/dev/null', '--lock-file', 'lock', '--quiet'];
run('dump', '100', ...host, '--dumpdir', '.', '--compress', 'zstd', ...own);
const archive = readdirSync(directory).find((name) => /^vzdump-.*\.zst$/.test(name));
run('restore', archive, '300', ...host);
same('host/storage/images/100/vm-100-disk-0.raw', 'host/storage/images/300/vm-300-disk-0.raw');

say('Done: all as it should be.');

function say(line) {
  console.log(`\n${line}`);
}

function run(command, ...args) {
  const { expectedStatus } = typeof args.at(-1) === 'object' ? args.pop() : { expectedStatus: 0 };
  console.log(`$ vzdump-format ${[command, ...args].join(' ')}`);
  const { status } = spawnSync(process.execPath, [bin, command, ...args], {
    cwd: directory,
    stdio: 'inherit',
  });
  if (status !== expectedStatus) fail(`${command} ended with status ${status}, not ${expectedStatus}`);
}

function same(one, other) {
  const [first, second] = [one, other].map((path) =>
    sha256(join(path.startsWith('/') ? '' : directory, path)),
  );
  if (first !== second) fail(`${one} and ${other} differ`);
  console.log(`${one} = ${other} (sha256 ${first.slice(0, 16)}…)`);
}

function sha256(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function fail(message) {
  console.error(`demo: ${message}`);
  process.exit(1);
}
