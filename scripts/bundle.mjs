// Joins the command line into one file, since Node takes twice as long to start with it in 150 modules, and
// makes the code caches beside it. The commands that are used most have a file of their own, half as large.
// What the benchmark of the codecs runs is made in the same way. Native packages and worker threads stay
// where they are, and are found through their packages.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { loadKoffiBinary } from './koffi-binary.mjs';
import { loadModulesWhenUsed } from './lazy-modules.mjs';
import { MAIN_COMMANDS, onlyCommand } from './main-commands.mjs';

/** What is Latin-1 is read, hashed and scanned in half the time of UTF-8. */
const asciiOnly = {
  name: 'ascii-only',
  generateBundle(_options, chunks) {
    for (const chunk of Object.values(chunks)) {
      chunk.code = chunk.code.replaceAll(
        /[^\0-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    }
  },
};

const COMMAND_LINE = '../packages/cli/dist/';

const BENCHMARK = '../bench/dist/';

removeFormer(COMMAND_LINE, 'vzdump-format.');
removeFormer(BENCHMARK, 'codec-child.cjs');
await bundle(COMMAND_LINE, 'main.js', 'vzdump-format.cjs');
for (const command of MAIN_COMMANDS) {
  await bundle(COMMAND_LINE, 'main.js', `vzdump-format.${command}.cjs`, [onlyCommand(command)]);
}
await bundle(BENCHMARK, 'codec-child.js', 'codec-child.cjs');
execFileSync(process.execPath, [pathOf('code-cache.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });

/**
 * The bundle of a command which has none of its own any more would still be run, and V8 would take a cache
 * for that of any bundle as long.
 * @param {string} folder @param {string} start of their names
 */
function removeFormer(folder, start) {
  for (const name of readdirSync(pathOf(folder))) {
    if (name.startsWith(start)) rmSync(pathOf(`${folder}${name}`));
  }
}

/** @param {string} folder @param {string} input @param {string} output */
async function bundle(folder, input, output, plugins = []) {
  const directory = pathOf(folder);
  const joined = await rolldown({
    input: `${directory}${input}`,
    platform: 'node',
    external: ['koffi', /^@mongodb-js\/zstd/],
    plugins: [...plugins, loadKoffiBinary, loadModulesWhenUsed, asciiOnly],
  });
  await joined.write({
    dir: directory,
    minify: true,
    entryFileNames: output,
    format: 'cjs',
    codeSplitting: false,
  });
  await joined.close();
}

/** @param {string} relative to this file */
function pathOf(relative) {
  return fileURLToPath(new URL(relative, import.meta.url));
}
