// Prepares a release, and publishes nothing: npm run release -- VERSION. Gives all packages that version, and
// the changelog a chapter for it; builds anew, and makes the tarballs in tmp/release. What it has changed is
// to be looked at, committed and tagged.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const UNRELEASED = '## Unreleased\n';

const [version] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(version ?? ''))
  fail('usage: npm run release -- VERSION, such as 1.2.3');
if (git('status', '--porcelain') !== '') fail('the tree has changes: commit them first');

const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
if (!changelog.includes(UNRELEASED)) fail('CHANGELOG.md has no chapter of what is unreleased');
if (changelog.includes(`## ${version} `)) fail(`CHANGELOG.md has a chapter of ${version} already`);

for (const folder of [
  '.',
  'bench',
  'test-vectors',
  ...workspacesIn('packages'),
  ...workspacesIn('formats'),
]) {
  setVersion(join(ROOT, folder, 'package.json'));
}
const today = new Date().toISOString().slice(0, 10);
const chapter = `## ${version} (${today})\n`;
writeFileSync(join(ROOT, 'CHANGELOG.md'), changelog.replace(UNRELEASED, `${UNRELEASED}\n${chapter}`));
run('npm', 'install', '--package-lock-only', '--no-audit', '--no-fund', '--ignore-scripts');

for (const folder of [...workspacesIn('packages'), ...workspacesIn('formats')]) {
  rmSync(join(ROOT, folder, 'dist'), { recursive: true, force: true }); // of files that are gone
}
run('npm', 'run', 'build');
run('node', 'scripts/packages/pack.mjs', 'tmp/release');
console.log(
  `${version} is in tmp/release. Look at what has changed, commit and tag it; then publish each tarball.`,
);

function workspacesIn(folder) {
  return readdirSync(join(ROOT, folder)).map((name) => join(folder, name));
}

/** Of a package, and of those of this repository that it needs. */
function setVersion(path) {
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  manifest.version = version;
  for (const needed of [manifest.dependencies, manifest.devDependencies]) {
    for (const name of Object.keys(needed ?? {}))
      if (name.startsWith('@vzdump-format/')) needed[name] = version;
  }
  writeFileSync(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function git(...args) {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
}

function run(program, ...args) {
  execFileSync(program, args, { cwd: ROOT, stdio: 'inherit' });
}

function fail(message) {
  console.error(`release: ${message}`);
  process.exit(2);
}
