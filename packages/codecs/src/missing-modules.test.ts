import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const ENGINE = new URL('../dist/zstd/engines.js', import.meta.url).href;
const CODECS = new URL('../dist/index.js', import.meta.url).href;

/** Stands between an import and what it finds: these modules are not there. */
function hiding(modules: readonly string[]): string {
  const hidden = `const hidden = (name) => ${JSON.stringify(modules)}.some((start) => name.startsWith(start));`;
  const hooks = `${hidden}
    export const resolve = (name, context, next) => {
      if (hidden(name)) throw new Error('there is no ' + name);
      return next(name, context);
    };`;
  return `${hidden}
    const { default: Module, register } = await import('node:module');
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});
    const { _load } = Module;
    Module._load = (name, ...rest) => {
      if (hidden(name)) throw new Error('there is no ' + name);
      return _load(name, ...rest);
    };
    const { getBuiltinModule } = process;
    process.getBuiltinModule = (name) => (hidden(name) ? undefined : getBuiltinModule(name));`;
}

/** What a program prints where some modules are missing. */
function run(missing: readonly string[], program: string): unknown {
  const source = `${hiding(missing)}
    const { codec } = await import('${CODECS}');
    const { loadEngine } = await import('${ENGINE}');
    const print = (value) => console.log(JSON.stringify(value));
    ${program}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    timeout: 60_000,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return JSON.parse(String(stdout) || JSON.stringify(String(stderr)));
}

const roundTrip = (name: string, options = {}) => `
  const content = Buffer.alloc(5_000_000, 'content of some kind');
  async function* once(bytes) { yield bytes; }
  async function all(chunks) {
    const parts = [];
    for await (const part of chunks) parts.push(Buffer.from(part));
    return Buffer.concat(parts);
  }
  const { compress, decompress } = codec('${name}');
  const options = ${JSON.stringify(options)};
  const compressed = await all(compress(options)(once(content)));
  const back = await all(decompress(options)(once(compressed)));
  print({ same: back.equals(content), small: compressed.length < 100_000 });`;
const ROUND_TRIP_DONE = { same: true, small: true };

/** What stands for this Node's own zstd: without `node:zlib`, there is none. */
const NODE = ['node:zlib', 'zlib'];
const HAS_OWN_ZSTD = process.versions.zstd !== undefined;
const ALL_ENGINES = ['koffi', ...NODE, '@mongodb-js/zstd'];
const ENGINE_NAME = 'print((await loadEngine()).name);';
const REFUSAL = `await loadEngine().catch(({ code, message, hint, cause }) => {
  print({ code, message, hint, cause: cause.message });
});`;

test('zstd: the first engine that is there is taken', () => {
  expect(run([], ENGINE_NAME)).toBe('libzstd');
  expect(run(['koffi'], ENGINE_NAME)).toBe(HAS_OWN_ZSTD ? 'node' : '@mongodb-js/zstd');
  expect(run(['koffi', ...NODE], ENGINE_NAME)).toBe('@mongodb-js/zstd');
});

test.each([[[]], [['koffi']], [['koffi', ...NODE]]])('zstd works without %o', (missing) => {
  expect(run(missing, roundTrip('zstd', { threads: 2 }))).toEqual(ROUND_TRIP_DONE);
});

test('zstd: without any, it is said which there are, and what is wrong with each', () => {
  expect(run(ALL_ENGINES, REFUSAL)).toEqual({
    code: 'ZSTD_ENGINE',
    message: 'there is no library for zstd (libzstd, node, @mongodb-js/zstd)',
    hint: expect.stringContaining('npm install'),
    cause: `there is no koffi; Node.js ${process.version} has no zstd; there is no @mongodb-js/zstd/bindings.js`,
  });
});

test.each([
  ['lzo', {}],
  ['gzip', { engine: 'js' }],
  ['pigz', { engine: 'js' }],
])('%s works without any library for zstd', (name, options) => {
  expect(run(ALL_ENGINES, roundTrip(name, options))).toEqual(ROUND_TRIP_DONE);
});

test.each([
  ['gzip', { engine: 'js' }],
  ['pigz', { engine: 'js' }],
  ['lzo', {}],
  ['zstd', {}],
])('%s works without node:zlib: %o', (name, options) => {
  expect(run(['node:zlib', 'zlib'], roundTrip(name, options))).toEqual(ROUND_TRIP_DONE);
});
