// Joins the command line into one file, which Node starts in half the time that 150 modules take. Worker
// threads and native packages stay where they are, and are found through their packages.
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const BUNDLE = 'vzdump-format.cjs';
const UNFINISHED = `${DIST}vzdump-format.unfinished.cjs`;

/** commander loads child_process, which is slow to load, for a feature that is not used here. */
const programsOfCommander = {
  name: 'programs-of-commander',

  resolveId(source, importer = '') {
    const isCommanders = source === 'node:child_process' && importer.includes('/node_modules/commander/');
    return isCommanders ? '\0no-programs' : undefined;
  },

  load(id) {
    return id === '\0no-programs' ? 'export {};' : undefined;
  },
};

// V8 tells a cache of another bundle by the bundle's length only, so the former caches go first.
for (const name of readdirSync(DIST)) {
  if (name.startsWith('vzdump-format.') && name !== BUNDLE) rmSync(`${DIST}${name}`);
}
const joined = await rolldown({
  input: `${DIST}main.js`,
  platform: 'node',
  external: ['koffi', /^@mongodb-js\/zstd/],
  plugins: [programsOfCommander],
});
await joined.write({
  file: UNFINISHED,
  format: 'cjs',
  minify: true,
  charset: 'ascii', // V8 reads it in half the time of UTF-8
  codeSplitting: false,
  dynamicImportInCjs: false, // a script that is run by node:vm has no import()
});
await joined.close();
renameSync(UNFINISHED, `${DIST}${BUNDLE}`); // who runs it meanwhile, as tests do, finds the former one

const codeCache = fileURLToPath(new URL('code-cache.mjs', import.meta.url));
execFileSync(process.execPath, [codeCache], { stdio: ['ignore', 'ignore', 'inherit'] });
