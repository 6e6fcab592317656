import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readWorkspace } from './workspace.js';

const ROOT = join(import.meta.dirname, '..');

interface Manifest {
  readonly version: string;
  readonly private?: boolean;
  readonly description: string;
  readonly license: string;
  readonly keywords: readonly string[];
  readonly repository: object;
  readonly engines: object;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly publishConfig: object;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
}

const { packages } = await readWorkspace(ROOT);
const published = packages.map(({ folder }) => folder).filter((folder) => !manifestOf(folder).private);

test('what is published is what people are to use', () => {
  const formats = ['pxar', 'tar', 'vma'].map((name) => `formats/${name}`);
  const others = [
    'archives',
    'cli',
    'codecs',
    'disk',
    'file-tree',
    'nbd',
    'posix',
    'pve',
    'stores',
    'streams',
  ];
  expect(published.sort()).toEqual([
    ...formats,
    ...others.map((name) => `packages/${name}`),
    'packages/vzdump',
  ]);
});

describe.each(published)('the package of %s', (folder) => {
  const manifest = manifestOf(folder);

  test('tells all that npm shows, and may be published by anyone who may', () => {
    expect(manifest).toMatchObject({
      license: 'MIT',
      repository: { type: 'git', directory: folder },
      bugs: { url: expect.stringMatching(/^https:/) },
      publishConfig: { access: 'public' },
      engines: { node: '>=20.19' },
      keywords: expect.arrayContaining(['proxmox']),
      exports: { './package.json': './package.json' },
    });
    expect(manifest.description).toMatch(/^\S.{20,}$/);
  });

  test('comes with its license and a README', () => {
    expect(readFileSync(join(ROOT, folder, 'LICENSE'))).toEqual(readFileSync(join(ROOT, 'LICENSE')));
    expect(existsSync(join(ROOT, folder, 'README.md'))).toBe(true);
  });

  test('needs of this repository what has the same version, and is published', () => {
    for (const [name, version] of Object.entries(manifest.dependencies ?? {})) {
      const own = packages.find((one) => one.name === name);
      if (own === undefined) continue;
      expect(version).toBe(manifest.version);
      expect(published).toContain(own.folder);
    }
  });
});
