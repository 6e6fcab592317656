// Makes the code caches of the bundles: the bytecode of what was compiled for a few typical commands.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { MAIN_COMMANDS } from './main-commands.mjs';

const require = createRequire(import.meta.url);
const { loadBundle, bundleOf, codeCacheOf } = require('../packages/cli/bin/cached-bundle.js');

const COMMAND_LINE = require.resolve('../packages/cli/dist/vzdump-format.cjs');
const BENCHMARK = require.resolve('../bench/dist/codec-child.cjs');
const ARCHIVES = ['a.tar', 'a.tar.zst', 'a.pxar', 'a.mpxar'];
const DISKS = 'a.vma.zst';
/** A host that has nothing but the configurations of a virtual machine and of a container. */
const HOST = ['--pve-root', 'pve', '--lock-file', 'lock', '--config', '/dev/null'];

/** Their numbers, which no guest has that may run on the machine that builds. */
const VM = '999999998';
const CONTAINER = '999999999';

/**
 * What is done with each of the main commands, in a directory where `pack` comes first; `to` is where
 * something new can be made.
 */
const USES = {
  pack: (to) => [
    ...ARCHIVES.map((archive) => [`${to}${archive}`, '--root', 'tree']),
    [`${to}${DISKS}`, '--drive', 'drive-scsi0=disk.raw'],
  ],
  list: () => [...ARCHIVES, DISKS].map((archive) => [archive]),
  verify: () => ARCHIVES.map((archive) => [archive]),
  unpack: (to) => [...ARCHIVES, DISKS].map((archive) => [archive, '--to', `${to}${archive}.unpacked`]),
  dump: (to) =>
    [VM, CONTAINER].map((vmid) => [
      ...[vmid, ...HOST, '--dumpdir', makeDirectory(`${to}dump`)],
      ...['--compress', 'zstd'],
    ]),
};

await makeAll();

async function makeAll() {
  const directory = mkdtempSync(join(tmpdir(), 'vzdump-format-build-'));
  try {
    process.chdir(directory);
    makeDirectory('tree/directory');
    writeFileSync('tree/directory/small', 'content');
    writeFileSync('tree/large', Buffer.alloc(1 << 20, 1));
    writeFileSync('disk.raw', Buffer.alloc(1 << 20, 1));
    writeFileSync(
      `${makeDirectory('pve/qemu-server')}/${VM}.conf`,
      `scsi0: ${resolve('disk.raw')},size=1M\n`,
    );
    writeFileSync(`${makeDirectory('pve/lxc')}/${CONTAINER}.conf`, `rootfs: ${resolve('tree')}\n`);
    await makeCodeCache(COMMAND_LINE, useCommandLine);
    await makeCodeCache(BENCHMARK, useCodecs);
    for (const command of MAIN_COMMANDS) {
      await makeCodeCache(bundleOf(COMMAND_LINE, command), (run) => use(run, command, `${command}-`));
    }
  } finally {
    process.chdir('/');
    rmSync(directory, { recursive: true });
  }
}

/** @param {string} bundle its path */
async function makeCodeCache(bundle, useBundle) {
  // What was not run for a while would be thrown away again: of the bundle of all, a quarter in Node 26.
  setFlagsFromString('--no-flush-bytecode');
  const { script, exports } = loadBundle(bundle);
  await useBundle(exports.run);
  setFlagsFromString('--flush-bytecode'); // a cache is for the flags that are set when it is made
  writeFileSync(codeCacheOf(bundle), script.createCachedData());
}

async function useCommandLine(run) {
  await run(['--version']);
  for (const command of MAIN_COMMANDS) await use(run, command, '');
}

async function use(run, command, to) {
  for (const args of USES[command](to)) {
    await run([command, ...args, '--quiet']);
    if (process.exitCode) throw new Error(`${command} ${args.join(' ')} failed`);
  }
}

async function useCodecs(run) {
  for (const codec of ['lzo', 'gzip', 'pigz', 'zstd']) {
    await run([codec, 'compress', '{}', 'disk.raw', 'compressed', 'report']);
    await run([codec, 'decompress', '{}', 'compressed', 'decompressed', 'report']);
  }
}

function makeDirectory(path) {
  mkdirSync(path, { recursive: true });
  return path;
}
