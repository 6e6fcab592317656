// Joins the command line into one file, and one for each part that is loaded on demand: Node takes twice as long to
// start with it in 150 modules. What the benchmark of the codecs runs is joined, too, to start as the command line does.
// Native packages and worker threads stay where they are, and are found through their packages.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

await join('../packages/cli/dist/', 'main.js', 'vzdump-format.js', 'chunks');
await join('../bench/dist/', 'codec-child.js', 'codec-child-joined.js', 'codec-chunks');

/** @param {string} directory @param {string} entry @param {string} joined @param {string} chunks */
async function join(directory, entry, joined, chunks) {
  const path = fileURLToPath(new URL(directory, import.meta.url));
  const bundle = await rolldown({
    input: `${path}${entry}`,
    platform: 'node',
    external: ['koffi', /^zstd-napi/, /^@mongodb-js\/zstd/],
  });
  rmSync(`${path}${chunks}`, { recursive: true, force: true });
  await bundle.write({
    dir: path,
    entryFileNames: joined,
    chunkFileNames: `${chunks}/[name].js`,
    minify: true,
  });
  await bundle.close();
}
