// Joins the command line into one file, since Node takes twice as long to start with it in 150 modules, and makes the
// code cache beside it. What the benchmark of the codecs runs is joined, too.
// Native packages and worker threads stay where they are, and are found through their packages.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { loadModulesWhenUsed } from './lazy-modules.mjs';

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

const cli = pathOf('../packages/cli/dist/');
rmSync(`${cli}vzdump-format.cjs.cache`, { force: true }); // which V8 would take for that of any bundle as long
await join(cli, 'main.js', {
  plugins: [loadModulesWhenUsed, asciiOnly],
  output: { entryFileNames: 'vzdump-format.cjs', format: 'cjs', codeSplitting: false },
});
execFileSync(process.execPath, [pathOf('code-cache.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });

const bench = pathOf('../bench/dist/');
rmSync(`${bench}codec-chunks`, { recursive: true, force: true });
await join(bench, 'codec-child.js', {
  output: { entryFileNames: 'codec-child-joined.js', chunkFileNames: 'codec-chunks/[name].js' },
});

/** @param {string} directory @param {string} entry */
async function join(directory, entry, { plugins = [], output }) {
  const external = ['koffi', /^zstd-napi/, /^@mongodb-js\/zstd/];
  const bundle = await rolldown({ input: `${directory}${entry}`, platform: 'node', external, plugins });
  await bundle.write({ dir: directory, minify: true, ...output });
  await bundle.close();
}

/** @param {string} relative to this file */
function pathOf(relative) {
  return fileURLToPath(new URL(relative, import.meta.url));
}
