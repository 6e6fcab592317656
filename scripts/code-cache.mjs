// Makes the code cache of the command line: the bytecode of what it compiled for a few typical commands.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { load, CODE_CACHE } = require('../packages/cli/bin/vzdump-format.js');

const { script, exports } = load();
const directory = mkdtempSync(join(tmpdir(), 'vzdump-format-build-'));
try {
  process.chdir(directory);
  mkdirSync('tree/directory', { recursive: true });
  writeFileSync('tree/directory/small', 'content');
  writeFileSync('tree/large', Buffer.alloc(1 << 20, 1));
  writeFileSync('disk.raw', Buffer.alloc(1 << 20, 1));
  await run('--version');
  for (const archive of ['a.tar', 'a.tar.zst', 'a.pxar', 'a.mpxar']) {
    await run('pack', archive, '--root', 'tree');
    await run('list', archive);
    await run('verify', archive);
    await run('unpack', archive, '--to', `${archive}.unpacked`);
  }
  await run('pack', 'a.vma.zst', '--drive', 'drive-scsi0=disk.raw');
  await run('list', 'a.vma.zst');
  await run('unpack', 'a.vma.zst', '--to', 'a.vma.unpacked');
} finally {
  process.chdir('/');
  rmSync(directory, { recursive: true });
}
writeFileSync(CODE_CACHE, script.createCachedData());

async function run(...args) {
  await exports.run([...args, '--quiet']);
  if (process.exitCode) throw new Error(`${args.join(' ')} failed`);
}
