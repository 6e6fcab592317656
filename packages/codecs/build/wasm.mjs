// Compiles the codecs' WebAssembly from its source, which is AssemblyScript.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
mkdirSync('dist/lzo', { recursive: true });
const { error, stderr } = await asc.main([
  'assembly/lzo1x.ts',
  ...['--outFile', 'dist/lzo/lzo1x.wasm'],
  ...['--optimizeLevel', '3', '--noAssert'],
  ...['--runtime', 'stub', '--importMemory'],
  ...['--enable', 'simd', '--enable', 'bulk-memory'],
]);
if (error !== null) throw new Error(`${error.message}\n${stderr}`);
