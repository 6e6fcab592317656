// Compiles the codecs' WebAssembly from its source, which is AssemblyScript.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
await compile('lzo1x', 'dist/lzo/lzo1x.wasm');
await compile('zstd-sequences', 'dist/zstd/checkpoints/sequences.wasm');

async function compile(name, outFile) {
  mkdirSync(dirname(outFile), { recursive: true });
  const { error, stderr } = await asc.main([
    `assembly/${name}.ts`,
    ...['--outFile', outFile],
    ...['--optimizeLevel', '3', '--noAssert'],
    ...['--runtime', 'stub', '--importMemory'],
    ...['--enable', 'simd', '--enable', 'bulk-memory'],
  ]);
  if (error !== null) throw new Error(`${error.message}\n${stderr}`);
}
