// Joins the command line into one file: Node takes twice as long to start with it in 150 modules.
// Native packages and worker threads stay where they are, and are found through their packages.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const cli = fileURLToPath(new URL('../packages/cli/dist/', import.meta.url));
const bundle = await rolldown({
  input: `${cli}main.js`,
  platform: 'node',
  external: ['koffi', /^zstd-napi/, /^@mongodb-js\/zstd/],
});
await bundle.write({ file: `${cli}vzdump-format.js`, codeSplitting: false });
await bundle.close();
