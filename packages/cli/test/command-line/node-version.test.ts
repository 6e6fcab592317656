import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CLI, runCliForJson, runCliWell } from '../support/running-cli.js';

const ROOT = join(import.meta.dirname, '../../../..');
const OLDEST = '20.19';

const { tooOld } = createRequire(import.meta.url)('../../bin/node-version.js') as {
  tooOld(version: string): string | undefined;
};

test.each(['0.12.18', '8.17.0', '18.20.8', '19.9.0', '20.9.0', '20.18.3'])(
  'Node %s is too old',
  (version) => {
    expect(tooOld(version)).toContain(`needs Node.js ${OLDEST} or newer, and this is ${version} (`);
  },
);

test.each(['20.19.0', '20.20.2', '21.0.0', '22.12.0', '26.0.0', '100.0.0-nightly'])(
  'Node %s will do',
  (version) => {
    expect(tooOld(version)).toBeUndefined();
  },
);

test('every package says the same to npm', () => {
  const packages = ['packages', 'formats'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => join(folder, name)),
  );
  expect(packages.length).toBeGreaterThan(8);
  for (const folder of ['.', ...packages]) {
    const manifest = readFileSync(join(ROOT, folder, 'package.json'), 'utf8');
    const { engines } = JSON.parse(manifest) as { engines?: object };
    expect([folder, engines]).toEqual([folder, { node: `>=${OLDEST}` }]);
  }
});

test('the command line says it in one line, and does nothing', () => {
  const program = `Object.defineProperty(process.versions, 'node', { value: '18.20.8' });
    require(${JSON.stringify(CLI)});`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program, '--', '--version'], {
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toBe(
    `vzdump-format: needs Node.js ${OLDEST} or newer, and this is 18.20.8 (${process.execPath})\n`,
  );
});

test('--version --verbose tells what it all stands on', async () => {
  for (const args of [
    ['--version', '--verbose'],
    ['--verbose', '--version'],
  ]) {
    const lines = (await runCliWell(args)).toString().split('\n');
    expect(lines[0]).toMatch(/^\d+\.\d+\.\d+$/);
    expect(lines[1]).toBe(`Node.js: ${process.versions.node}`);
    expect(lines[2]).toMatch(/^koffi: \d+\.\d+\.\d+$/);
    expect(lines.slice(3)).toEqual([
      'lzo: wasm',
      `gzip: node ${process.versions.zlib}`,
      `pigz: node ${process.versions.zlib}`,
      expect.stringMatching(/^zstd: libzstd \d+\.\d+\.\d+$/),
      'bzip2: js',
      '',
    ]);
  }
});

test('--version --json tells the same to programs', async () => {
  const library = { name: expect.any(String) as string, version: expect.stringMatching(/^\d+\./) as string };
  expect(await runCliForJson(['--version'])).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    node: process.versions.node,
    koffi: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    codecs: {
      ...{ lzo: { name: 'wasm' }, gzip: library, pigz: library },
      ...{ zstd: library, bzip2: { name: 'js' } },
    },
  });
});
