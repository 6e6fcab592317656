import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const PACKAGES = ['packages', 'formats'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => join(folder, name)),
);

/** What `npm run build` makes with `tsc`'s help, and of what. */
const MADE = [
  {
    script: 'packages/codecs/build/wasm.mjs',
    output: 'packages/codecs/dist/lzo/lzo1x.wasm',
    sources: ['packages/codecs/assembly', 'packages/codecs/build'],
  },
  {
    script: 'packages/cli/build/bundle.mjs',
    output: 'packages/cli/dist/vzdump-format.cjs',
    sources: [...PACKAGES.map((one) => join(one, 'dist')), 'packages/cli/build', 'packages/cli/bin'],
  },
];

/**
 * Compiles what has changed, and makes what is older than its sources anew. @returns whether all went well
 */
export function buildChanged() {
  return (
    run(process.execPath, 'node_modules/typescript/bin/tsc', '--build') &&
    MADE.filter(isOutOfDate).every(({ script }) => run(process.execPath, script))
  );
}

/** Runs a program in the repository's root. @returns whether it ended well */
export function run(program, ...args) {
  return spawnSync(program, args, { cwd: ROOT, stdio: 'inherit' }).status === 0;
}

function isOutOfDate({ output, sources }) {
  const made = statSync(join(ROOT, output), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return sources.some((folder) => filesIn(folder).some((path) => statSync(path).mtimeMs > made));
}

/** All that is made of code, without the tests. */
function filesIn(folder) {
  const path = join(ROOT, folder);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(path, { recursive: true })
    .filter((name) => /\.[cm]?[jt]s$/.test(name) && !/\.test\.|\.d\.ts$|(^|\/)testing\/|\.cjs$/.test(name))
    .map((name) => join(path, name));
}
