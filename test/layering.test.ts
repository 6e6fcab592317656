import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCircles } from './circles.js';
import { findViolations, unusedArrows, type WorkspacePackage } from './layering.js';
import { readWorkspace } from './workspace.js';

const SCOPE = '@vzdump-format';
const ROOT_DEV_DEPENDENCIES = ['vitest', 'fast-check'];

describe('this repository', async () => {
  const { packages, devDependencies } = await readWorkspace(join(import.meta.dirname, '..'));

  test('keeps the layering', () => {
    expect(findViolations(packages, devDependencies)).toEqual([]);
  });

  test('follows every arrow', () => {
    expect(unusedArrows(packages)).toEqual([]);
  });

  test('has no circles of files', () => {
    expect(packages.flatMap(({ sources }) => findCircles(sources))).toEqual([]);
  });

  test('accounts for each dependency in docs/dependencies.md', () => {
    const document = readFileSync(join(import.meta.dirname, '../docs/dependencies.md'), 'utf8');
    const own = packages.map(({ name }) => name);
    const named = packages.flatMap((one) => [...one.dependencies, ...one.devDependencies]);
    const others = new Set(
      [...named, ...devDependencies].filter((name) => !own.includes(name) && !name.startsWith('@types/')),
    );
    expect(others.size).toBeGreaterThan(10);
    expect(
      [...others].filter(
        (name) => !document.includes(`| \`${name}\``) && !document.includes(`, \`${name}\``),
      ),
    ).toEqual([]);
  });

  test('was read', () => {
    const folders = packages.map(({ folder }) => folder);
    const names = ['streams', 'codecs', 'nbd', 'posix', 'file-tree', 'disk', 'archives', 'pve', 'stores'];
    const known = [...names, 'vzdump', 'cli', 'testing'].map((name) => `packages/${name}`);
    expect(folders).toEqual(expect.arrayContaining([...known, 'formats/vma']));
    expect(devDependencies).toContain('vitest');
    const streams = packages.find(({ folder }) => folder === 'packages/streams')!;
    expect(streams.sources.map(({ path }) => path)).toContain('packages/streams/src/source/byte-reader.ts');
    const posix = packages.find(({ folder }) => folder === 'packages/posix')!;
    expect(posix.references).toEqual(['packages/testing', 'packages/streams']);
    expect(posix.dependencies).toContain(`${SCOPE}/streams`);
  });
});

/** A package that depends, in both manifests, on these folders. */
function pack(
  folder: string,
  uses: readonly string[] = [],
  planted: Partial<WorkspacePackage> = {},
): WorkspacePackage {
  return {
    name: nameOf(folder),
    folder,
    dependencies: uses.map(nameOf),
    devDependencies: [],
    references: uses,
    sources: [],
    ...planted,
  };
}

function nameOf(folder: string): string {
  return `${SCOPE}/${folder.split('/').at(-1)}`;
}

function source(path: string, text: string) {
  return { sources: [{ path, text }] };
}

const SOUND = [
  pack('packages/streams'),
  pack('packages/testing'),
  pack('packages/codecs', ['packages/streams']),
  pack('packages/nbd', ['packages/streams']),
  pack('packages/posix', ['packages/streams']),
  pack('packages/file-tree', ['packages/streams', 'packages/posix']),
  pack('formats/vma', ['packages/streams', 'packages/posix', 'packages/file-tree']),
  pack('formats/tar', ['packages/streams', 'packages/posix', 'packages/file-tree']),
  pack('packages/disk', ['packages/streams', 'packages/posix', 'packages/nbd']),
  pack('packages/archives', ['packages/codecs', 'formats/vma', 'formats/tar', 'packages/disk']),
  pack('packages/pve', ['packages/streams', 'packages/posix', 'packages/file-tree']),
  pack('packages/stores', ['packages/archives', 'packages/pve']),
  pack('packages/vzdump', ['packages/archives', 'packages/pve', 'packages/stores']),
  pack('packages/cli', ['packages/streams', 'packages/vzdump']),
  pack('test-vectors', ['packages/streams']),
];

/** The violations in a sound workspace where these packages stand in place of, or beside, their own. */
function planted(...changed: WorkspacePackage[]): string[] {
  const unchanged = SOUND.filter(({ folder }) => !changed.some((other) => other.folder === folder));
  return findViolations([...unchanged, ...changed], ROOT_DEV_DEPENDENCIES);
}

test('a sound workspace passes', () => {
  expect(planted()).toEqual([]);
  const text = `import fs from 'node:fs'; import { a } from './a.js'; import { b } from '${SCOPE}/streams'; import '../src/c.js';`;
  expect(
    planted(pack('packages/posix', ['packages/streams'], source('packages/posix/src/index.ts', text))),
  ).toEqual([]);
});

describe('the arrows', () => {
  test.each([
    ['packages/streams', 'packages/codecs'],
    ['packages/codecs', 'packages/posix'],
    ['packages/codecs', 'packages/nbd'],
    ['packages/nbd', 'packages/codecs'],
    ['packages/posix', 'packages/file-tree'],
    ['packages/file-tree', 'formats/vma'],
    ['formats/vma', 'packages/codecs'],
    ['formats/vma', 'packages/nbd'],
    ['formats/vma', 'formats/tar'],
    ['formats/vma', 'packages/disk'],
    ['packages/disk', 'formats/vma'],
    ['packages/disk', 'packages/pve'],
    ['packages/archives', 'packages/pve'],
    ['packages/archives', 'packages/stores'],
    ['packages/pve', 'packages/archives'],
    ['packages/pve', 'packages/codecs'],
    ['packages/pve', 'packages/stores'],
    ['packages/pve', 'packages/disk'],
    ['packages/archives', 'packages/nbd'],
    ['packages/stores', 'packages/codecs'],
    ['packages/cli', 'formats/vma'],
    ['packages/stores', 'packages/vzdump'],
    ['packages/vzdump', 'packages/cli'],
    ['packages/testing', 'packages/streams'],
    ['test-vectors', 'formats/vma'],
  ])('%s may not import %s, though its manifests name it', (from, to) => {
    const path = `${from}/src/index.ts`;
    expect(planted(pack(from, [to], source(path, `export * from '${nameOf(to)}';`)))).toEqual([
      `${from}/package.json: may not depend on ${nameOf(to)}`,
      `${path}: imports ${nameOf(to)}, against the arrows`,
    ]);
  });

  test('nor dynamically, nor for a type, nor in a test', () => {
    const text = `const a = import('${SCOPE}/codecs');\nimport type { B } from '${SCOPE}/vzdump';`;
    const sources = [
      { path: 'formats/vma/src/a.ts', text },
      { path: 'formats/vma/src/a.test.ts', text },
    ];
    expect(planted(pack('formats/vma', [], { sources }))).toEqual([
      `formats/vma/src/a.ts: imports ${SCOPE}/codecs, against the arrows`,
      `formats/vma/src/a.ts: imports ${SCOPE}/vzdump, against the arrows`,
      `formats/vma/src/a.test.ts: imports ${SCOPE}/codecs, against the arrows`,
      `formats/vma/src/a.test.ts: imports ${SCOPE}/vzdump, against the arrows`,
    ]);
  });

  test('are those that imports follow, whatever the manifests name', () => {
    const text = `import type { A } from '${SCOPE}/posix';\nimport '${SCOPE}/streams/testing';`;
    const fileTree = pack('packages/file-tree', [], source('packages/file-tree/src/a.test.ts', text));
    const unused = unusedArrows([...SOUND.filter(({ folder }) => folder !== fileTree.folder), fileTree]);
    expect(unused.filter((arrow) => arrow.startsWith('file-tree'))).toEqual([]);
    expect(unused).toContain('posix → streams');
  });

  test('a package of its own making has no place', () => {
    expect(planted(pack('packages/misc'))).toEqual(['packages/misc: has no place in the layering']);
    expect(planted(pack('packages/format'))).toEqual(['packages/format: has no place in the layering']);
  });

  test('a new format has', () => {
    const text = `import { a } from '${SCOPE}/file-tree';`;
    expect(
      planted(pack('formats/pxar', ['packages/file-tree'], source('formats/pxar/src/index.ts', text))),
    ).toEqual([]);
  });
});

describe('the inside of a package', () => {
  test.each([
    [`${SCOPE}/streams/src/byte-reader.js`, `which is inside ${SCOPE}/streams`],
    [`${SCOPE}/streams/package.json`, `which is inside ${SCOPE}/streams`],
    ['../../streams/src/index.js', 'which is outside its package'],
    ['../../../packages/streams/dist/index.js', 'which is outside its package'],
    ['../../codecs-extra/src/index.js', 'which is outside its package'],
    [`${SCOPE}/codecs`, 'which is its own package'],
  ])('%s', (specifier, why) => {
    const path = 'packages/codecs/src/index.ts';
    const codecs = pack('packages/codecs', ['packages/streams'], source(path, `import '${specifier}';`));
    expect(planted(codecs)).toEqual([`${path}: imports ${specifier}, ${why}`]);
  });
});

describe('what package.json lists', () => {
  const codecs = (path: string, specifier: string, lists: Partial<WorkspacePackage> = {}) =>
    planted(pack('packages/codecs', [], { ...source(path, `import '${specifier}';`), ...lists }));
  const index = 'packages/codecs/src/index.ts';

  test.each(['pako', '@scope/name', 'pako/inner.js', 'fs', '/absolute.js', `${SCOPE}/streams`, 'vitest'])(
    '%s is missing',
    (specifier) => {
      expect(codecs(index, specifier)).toEqual([
        `${index}: imports ${specifier}, which its package.json does not list`,
      ]);
    },
  );

  test('what a package has for the tests of others is imported by tests', () => {
    const specifier = `${SCOPE}/streams/testing`;
    const lists = { dependencies: [`${SCOPE}/streams`], references: ['packages/streams'] };
    expect(codecs('packages/codecs/src/a.test.ts', specifier, lists)).toEqual([]);
    expect(codecs('packages/codecs/src/testing/a.ts', specifier, lists)).toEqual([]);
    expect(codecs(index, specifier, lists)).toEqual([`${index}: imports ${specifier}, which is for tests`]);
    expect(codecs('packages/codecs/src/a.test.ts', `${SCOPE}/nbd/testing`, lists)).toHaveLength(1);
  });

  test('what is listed may be imported, its inside too when it is not ours', () => {
    expect(codecs(index, 'pako/inner.js', { dependencies: ['pako'] })).toEqual([]);
    expect(codecs(index, '@scope/name/a', { dependencies: ['@scope/name'] })).toEqual([]);
  });

  test.each([
    'packages/codecs/src/a.test.ts',
    'packages/codecs/src/testing/tools.ts',
    'packages/codecs/test/journey.ts',
  ])('only tests, as %s, use development dependencies', (path) => {
    for (const specifier of ['vitest', 'vitest/config', 'lzo']) {
      expect(codecs(path, specifier, { devDependencies: ['lzo'] })).toEqual([]);
    }
    expect(codecs(path, 'left-pad')).toHaveLength(1);
    expect(codecs(index, 'lzo', { devDependencies: ['lzo'] })).toHaveLength(1);
  });

  test('test vectors are for tests, and must be listed by their own package', () => {
    const lists = { devDependencies: [`${SCOPE}/test-vectors`], references: ['test-vectors'] };
    const specifier = `${SCOPE}/test-vectors`;
    expect(codecs('packages/codecs/src/a.test.ts', specifier, lists)).toEqual([]);
    expect(codecs(index, specifier, lists)).toEqual([`${index}: imports ${specifier}, against the arrows`]);
    expect(codecs('packages/codecs/src/a.test.ts', specifier)).toHaveLength(1);
    expect(planted(pack('packages/streams', [], lists))).toEqual([
      `packages/streams/package.json: may not depend on ${specifier}`,
    ]);
  });
});

test('what is for tests is not imported by what is not', () => {
  const text = `import '../testing/tools.js'; import './a.test.js';`;
  const sources = ['packages/nbd/src/client/a.ts', 'packages/nbd/src/client/a.test.ts'].map((path) => ({
    path,
    text,
  }));
  expect(planted(pack('packages/nbd', [], { sources }))).toEqual([
    'packages/nbd/src/client/a.ts: imports ../testing/tools.js, which is for tests',
    'packages/nbd/src/client/a.ts: imports ./a.test.js, which is for tests',
  ]);
});

describe('circles of files', () => {
  const file = (name: string, ...imports: string[]) => ({
    path: `packages/nbd/src/${name}.ts`,
    text: imports.map((other) => `import type { A } from '${other}.js';`).join('\n'),
  });
  const named = (...names: string[]) => names.map((name) => `packages/nbd/src/${name}.ts`);

  test('none', () => {
    expect(findCircles([file('a', './b', './c'), file('b', './c'), file('c', '../other/a')])).toEqual([]);
  });

  test('two files, three files, and a file of its own', () => {
    expect(findCircles([file('a', './b'), file('b', './a')])).toEqual([named('a', 'b')]);
    const three = [file('x', './a'), file('a', './inner/b'), file('inner/b', '../c'), file('c', './a')];
    expect(findCircles(three)).toEqual([named('a', 'inner/b', 'c')]);
    expect(findCircles([file('a', './a')])).toEqual([named('a')]);
  });
});

describe('tsconfig references and package.json', () => {
  test('a reference is missing', () => {
    expect(planted(pack('packages/codecs', ['packages/streams'], { references: [] }))).toEqual([
      'packages/codecs/tsconfig.json: lacks a reference to packages/streams, which package.json names',
    ]);
  });

  test('a dependency is missing', () => {
    expect(planted(pack('packages/codecs', ['packages/streams'], { dependencies: [] }))).toEqual([
      'packages/codecs/tsconfig.json: refers to packages/streams, which package.json does not name',
    ]);
  });
});

test('a default export', () => {
  const path = 'packages/nbd/src/index.ts';
  expect(planted(pack('packages/nbd', [], source(path, 'export default 1;')))).toEqual([
    `${path}: has a default export`,
  ]);
});
