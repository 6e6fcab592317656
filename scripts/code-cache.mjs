// Makes the code caches of the bundles: the bytecode of what was compiled for a few typical commands.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { loadBundle, codeCacheOf } = require('../packages/cli/bin/cached-bundle.js');

const directory = mkdtempSync(join(tmpdir(), 'vzdump-format-build-'));
try {
  process.chdir(directory);
  mkdirSync('tree/directory', { recursive: true });
  writeFileSync('tree/directory/small', 'content');
  writeFileSync('tree/large', Buffer.alloc(1 << 20, 1));
  writeFileSync('disk.raw', Buffer.alloc(1 << 20, 1));
  await makeCodeCache('../packages/cli/dist/vzdump-format.cjs', useCommandLine);
  await makeCodeCache('../bench/dist/codec-child.cjs', useCodecs);
} finally {
  process.chdir('/');
  rmSync(directory, { recursive: true });
}

/** @param {string} bundle relative to this file */
async function makeCodeCache(bundle, use) {
  const path = fileURLToPath(new URL(bundle, import.meta.url));
  const { script, exports } = loadBundle(path);
  await use(exports.run);
  writeFileSync(codeCacheOf(path), script.createCachedData());
}

async function useCommandLine(run) {
  const command = async (...args) => {
    await run([...args, '--quiet']);
    if (process.exitCode) throw new Error(`${args.join(' ')} failed`);
  };
  await command('--version');
  for (const archive of ['a.tar', 'a.tar.zst', 'a.pxar', 'a.mpxar']) {
    await command('pack', archive, '--root', 'tree');
    await command('list', archive);
    await command('verify', archive);
    await command('unpack', archive, '--to', `${archive}.unpacked`);
  }
  await command('pack', 'a.vma.zst', '--drive', 'drive-scsi0=disk.raw');
  await command('list', 'a.vma.zst');
  await command('unpack', 'a.vma.zst', '--to', 'a.vma.unpacked');
  // A host that has nothing but the configuration of one virtual machine.
  const host = ['--pve-root', 'pve', '--lock-file', 'lock'];
  for (const folder of ['pve/qemu-server', 'dump']) mkdirSync(folder, { recursive: true });
  writeFileSync('pve/qemu-server/100.conf', `scsi0: ${resolve('disk.raw')},size=1M\n`);
  await command('dump', '100', ...host, '--config', '/dev/null', '--dumpdir', 'dump', '--compress', 'zstd');
}

async function useCodecs(run) {
  for (const codec of ['lzo', 'gzip', 'pigz', 'zstd']) {
    await run([codec, 'compress', '{}', 'disk.raw', 'compressed', 'report']);
    await run([codec, 'decompress', '{}', 'compressed', 'decompressed', 'report']);
  }
}
