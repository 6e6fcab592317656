import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const CODECS = new URL('../dist/index.js', import.meta.url).href;
const STREAMS = new URL('../../streams/dist/index.js', import.meta.url).href;

/** What is said on standard error, line by line, while a program runs with these helpers. */
function said(program: string): string[] {
  const source = `
    import { codec } from '${CODECS}';
    import { BufferSource } from '${STREAMS}';
    async function* once(bytes) { yield bytes; }
    async function all(chunks) {
      const parts = [];
      for await (const part of chunks) parts.push(Buffer.from(part));
      return Buffer.concat(parts);
    }
    const content = Buffer.alloc(1000, 'content');
    ${program}`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    env: { ...process.env, NODE_DEBUG: 'vzdump-format', NODE_OPTIONS: '' },
  });
  expect(status).toBe(0);
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^VZDUMP-FORMAT \d+: /, ''));
}

const roundTrip = (name: string, options = {}) => `
  const options = ${JSON.stringify(options)};
  const compressed = await all(codec('${name}').compress(options)(once(content)));
  await all(codec('${name}').decompress(options)(once(compressed)));`;

test.each([
  [
    'lzo',
    { threads: 2 },
    ['lzo by wasm', 'lzo: compressing, threads: 2', 'lzo by wasm', 'lzo: decompressing, threads: 2'],
  ],
  [
    'gzip',
    { engine: 'js' },
    ['gzip by js', 'gzip: compressing, threads: 1', 'gzip by js', 'gzip: decompressing, threads: 1'],
  ],
  [
    'pigz',
    { threads: 3 },
    [
      'pigz by node',
      'pigz: compressing, threads: 3, blocks of at most 128 KiB',
      'gzip by node',
      'gzip: decompressing, threads: 1',
    ],
  ],
  [
    'zstd',
    { threads: 2, engine: '@mongodb-js/zstd' },
    [
      'zstd by @mongodb-js/zstd',
      'zstd: compressing, threads: 2, seekable: frames of at most 4194304 bytes',
      'zstd by @mongodb-js/zstd',
      'zstd: decompressing, threads: 2',
    ],
  ],
] as const)('NODE_DEBUG tells which engine does %s, and in how many threads', (name, options, lines) => {
  expect(said(roundTrip(name, options))).toEqual(lines);
});

test('NODE_DEBUG tells which engine does bzip2', () => {
  const file =
    '425a68393141592653594eece83600000251800010400006449080200031064c4101a7a9a580bb9431f8bb9229c28482776741b0';
  const lines = said(`await all(codec('bzip2').decompress()(once(Buffer.from('${file}', 'hex'))));`);
  expect(lines).toEqual(['bzip2 by js', 'bzip2: decompressing, threads: 1']);
});

test('NODE_DEBUG tells whether a file can be read at any offset, and why not', () => {
  const lines = said(`
    for (const [name, options] of [['zstd', {}], ['zstd', { seekable: false }], ['lzo', {}], ['gzip', {}]]) {
      const row = codec(name);
      const source = new BufferSource(await all(row.compress(options)(once(content))));
      await row.openSeekable(source).catch(() => {});
    }
    const source = new BufferSource(await all(codec('gzip').compress()(once(content))));
    await codec('gzip').openSeekable(source, {
      index: new BufferSource(await all(codec('gzip').buildIndex(source))),
    });
    await codec('bzip2').openSeekable(source).catch(() => {});`);
  expect(lines.filter((line) => line.includes('seekable by') || line.startsWith('not seekable'))).toEqual([
    'zstd: seekable by its seek table of 1 frames',
    'not seekable: this zstd file has no seek table',
    'lzo: seekable by its block headers, 1 parts',
    'not seekable: a gzip file tells nothing of its blocks',
    'gzip: seekable by an index of 1 parts',
    'not seekable: bzip2 files are only read from the beginning',
  ]);
});
