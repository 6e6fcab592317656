// Makes the sample's guests: `node make-guests.mjs DIRECTORY` puts a copy of this configuration into
// DIRECTORY/pve, and what its storages hold into DIRECTORY/storage, so that DIRECTORY/pve serves as
// --pve-root. DIRECTORY must not exist.
import {
  chmodSync,
  closeSync,
  cpSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const SAMPLE = dirname(fileURLToPath(import.meta.url));
/** Where the configuration as it is here says that its storages are. */
const SAMPLE_STORAGE = '/srv/sample';
/** What an unprivileged container's root is on the host. */
const CONTAINER_ROOT = 100000;
const NOON = new Date('2026-01-01T12:00:00.123Z');
const isRoot = process.getuid() === 0;

const [given] = process.argv.slice(2);
if (given === undefined) fail('usage: node make-guests.mjs DIRECTORY');
const directory = resolve(given);
const storage = join(directory, 'storage');
try {
  mkdirSync(directory);
} catch (error) {
  fail(error.message);
}

copyConfiguration(join(directory, 'pve'));
makeStorage();
makeVm(join(storage, 'images', '100'));
makeContainer(join(storage, 'images', '101'));
console.log(join(directory, 'pve'));

function copyConfiguration(root) {
  const left = ['README.md', basename(fileURLToPath(import.meta.url))];
  cpSync(SAMPLE, root, { recursive: true, filter: (path) => !left.includes(basename(path)) });
  for (const name of ['storage.cfg', 'lxc/101.conf']) {
    const path = join(root, name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(SAMPLE_STORAGE, storage));
  }
}

function makeStorage() {
  for (const name of ['dump', 'archive/weekly', 'shared', 'images/100', 'images/101']) {
    mkdirSync(join(storage, name), { recursive: true });
  }
  writeFileSync(join(storage, 'shared', 'readme'), 'of the host, and in no backup\n');
}

/** A disk with an ext4 file system, one that is in no backup, and one that belongs to nothing any more. */
function makeVm(images) {
  const disk = gunzipSync(readFileSync(join(SAMPLE, '..', 'vm', 'disk.raw.gz')));
  writeSparse(join(images, 'vm-100-disk-0.raw'), disk);
  for (const number of [1, 2]) writeSparse(join(images, `vm-100-disk-${number}.raw`), Buffer.alloc(1 << 20));
}

/** A root file system with one of everything that an archive of files can hold, and two mount points. */
function makeContainer(images) {
  const root = join(images, 'subvol-101-disk-0.subvol');
  for (const name of [
    'etc',
    'home/app',
    'mnt/shared',
    'root',
    'srv/data',
    'tmp',
    'usr/bin',
    'var/cache/app',
    'var/run',
    'var/tmp',
  ]) {
    makeDirectory(root, name);
  }
  chmodSync(join(root, 'root'), 0o700);
  chmodSync(join(root, 'tmp'), 0o1777);
  makeFile(root, 'etc/hostname', 'db\n');
  makeFile(root, 'etc/shadow', 'root:*:20000:0:99999:7:::\n', { mode: 0o640, gid: 42 });
  makeFile(root, 'home/app/Grüße.txt', 'Grüße\n', { uid: 1000, gid: 1000 });
  makeFile(root, 'usr/bin/tool', '#!/bin/sh\nexit 0\n', { mode: 0o4755 });
  linkSync(join(root, 'usr/bin/tool'), join(root, 'usr/bin/tool-hard-link'));
  symlinkSync('tool', join(root, 'usr/bin/tool-link'));
  own(join(root, 'usr/bin/tool-link'), 0, 0);
  makeFile(root, 'home/app/sparse', '', { uid: 1000, gid: 1000 });
  truncateSync(join(root, 'home/app/sparse'), 1 << 20);
  makeFile(root, 'tmp/scratch', 'in no backup, unless --stdexcludes 0\n');
  makeFile(root, 'var/run/app.pid', '1\n');
  const data = join(images, 'subvol-101-disk-1.subvol');
  makeDirectory(data, 'orders');
  makeFile(data, 'orders/1.json', '{"order":1}\n', { uid: 1000, gid: 1000 });
  const cache = join(images, 'subvol-101-disk-2.subvol');
  makeDirectory(cache, '.');
  makeFile(cache, 'cached', 'in no backup\n');
  for (const each of [root, data, cache]) own(each, 0, 0);
}

/** With its parents, below a root file system; each belongs to the container's root. */
function makeDirectory(root, name) {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  for (let at = path; at.startsWith(`${root}/`); at = dirname(at)) own(at, 0, 0);
}

function makeFile(root, name, content, { mode = 0o644, uid = 0, gid = 0 } = {}) {
  const path = join(root, name);
  writeFileSync(path, content);
  own(path, uid, gid);
  chmodSync(path, mode);
  utimesSync(path, NOON, NOON);
}

/** Ids as the container has them. Only root can give files away; for others, all belongs to them. */
function own(path, uid, gid) {
  if (isRoot) lchownSync(path, CONTAINER_ROOT + uid, CONTAINER_ROOT + gid);
}

/** Blocks of zeros become holes. */
function writeSparse(path, bytes) {
  const block = 4096;
  const zeros = Buffer.alloc(block);
  const file = openSync(path, 'wx');
  for (let at = 0; at < bytes.length; at += block) {
    const part = bytes.subarray(at, at + block);
    if (!part.equals(zeros.subarray(0, part.length))) writeSync(file, part, 0, part.length, at);
  }
  closeSync(file);
  truncateSync(path, bytes.length);
}

function fail(message) {
  console.error(`make-guests.mjs: ${message}`);
  process.exit(1);
}
