// Joins the command line into one file, and one for each part that is loaded on demand: Node takes twice as long to
// start with it in 150 modules.
// Native packages and worker threads stay where they are, and are found through their packages.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const cli = fileURLToPath(new URL('../packages/cli/dist/', import.meta.url));
const bundle = await rolldown({
  input: `${cli}main.js`,
  platform: 'node',
  external: ['koffi', /^zstd-napi/, /^@mongodb-js\/zstd/],
});
rmSync(`${cli}chunks`, { recursive: true, force: true });
await bundle.write({
  dir: cli,
  entryFileNames: 'vzdump-format.js',
  chunkFileNames: 'chunks/[name].js',
  minify: true,
});
await bundle.close();
