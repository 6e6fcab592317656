// Joins the command line into one file, which Node starts in half the time that 150 modules take. Worker
// threads and native packages stay where they are, and are found through their packages.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
const { output } = await joined.write({
  file: UNFINISHED,
  format: 'cjs',
  minify: true,
  charset: 'ascii', // V8 reads it in half the time of UTF-8
  codeSplitting: false,
  dynamicImportInCjs: false, // a script that is run by node:vm has no import()
});
await joined.close();
renameSync(UNFINISHED, `${DIST}${BUNDLE}`); // who runs it meanwhile, as tests do, finds the former one

writeFileSync(`${DIST}THIRD-PARTY-NOTICES`, noticesOf(Object.keys(output[0].modules)));
const start = fileURLToPath(new URL('../bin/vzdump-format.js', import.meta.url));
writeFileSync(`${DIST}vzdump-format.1`, execFileSync(process.execPath, [start, 'man']));

const codeCache = fileURLToPath(new URL('code-cache.mjs', import.meta.url));
execFileSync(process.execPath, [codeCache], { stdio: ['ignore', 'ignore', 'inherit'] });

/** The licenses of others' packages that the bundle has modules of. */
function noticesOf(modules) {
  const folders = new Set(
    modules.flatMap((path) => path.match(/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
  );
  const notices = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${name} comes without the text of its license`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return `The command line is one file, which also has parts of:\n\n${notices.join(`\n${'-'.repeat(76)}\n\n`)}`;
}
