// Makes the tarballs that npm publishes, and prints their sizes: pack.mjs DIRECTORY. Each package is put
// together beside the tree, since what only this repository uses of it stays here: the entries for its tests.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['packages', 'formats'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => join(folder, name)),
);

/** All else that the command line needs is in its bundle; workers and WebAssembly are in that package. */
const LOADED_BY_THE_BUNDLE = ['@vzdump-format/codecs'];

const [target] = process.argv.slice(2);
if (target === undefined) {
  console.error('usage: node scripts/packages/pack.mjs DIRECTORY');
  process.exit(2);
}
mkdirSync(target, { recursive: true });
for (const folder of [...FOLDERS, 'test-vectors']) pack(join(ROOT, folder), resolve(target));

function pack(folder, target) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (manifest.private === true) return;
  const staged = mkdtempSync(join(tmpdir(), 'vzdump-format-pack-'));
  try {
    for (const path of filesOf(folder)) {
      mkdirSync(dirname(join(staged, path)), { recursive: true });
      cpSync(join(folder, path), join(staged, path));
    }
    delete manifest.exports['./testing'];
    if (manifest.name === 'vzdump-format') keepOnly(manifest.dependencies, LOADED_BY_THE_BUNDLE);
    delete manifest.devDependencies;
    delete manifest.files; // all that is here
    writeFileSync(join(staged, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
    const [{ filename, size, unpackedSize, entryCount }] = npm(
      staged,
      'pack',
      '--json',
      '--pack-destination',
      target,
    );
    console.log([filename, kib(size), `${kib(unpackedSize)} unpacked`, `${entryCount} files`].join(', '));
  } finally {
    rmSync(staged, { recursive: true });
  }
}

function keepOnly(dependencies, kept) {
  for (const name of Object.keys(dependencies)) if (!kept.includes(name)) delete dependencies[name];
}

/** What `files` of the manifest lets through. */
function filesOf(folder) {
  const [{ files }] = npm(folder, 'pack', '--dry-run', '--json');
  return files.map(({ path }) => path);
}

function npm(cwd, ...args) {
  return JSON.parse(
    execFileSync('npm', [...args, '--ignore-scripts'], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
}

function kib(bytes) {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
