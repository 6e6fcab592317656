import { posix } from 'node:path';
import { findModuleUses } from './module-uses.js';

export interface SourceFile {
  /** From the repository's root on. */
  readonly path: string;
  readonly text: string;
}

export interface WorkspacePackage {
  readonly name: string;
  /** From the repository's root on, as `packages/streams`. */
  readonly folder: string;
  /** Names: what the package needs to run, optional and peer dependencies included. */
  readonly dependencies: readonly string[];
  /** Names: what only its tests need. */
  readonly devDependencies: readonly string[];
  /** Folders that its tsconfig refers to, from the repository's root on. */
  readonly references: readonly string[];
  readonly sources: readonly SourceFile[];
}

type Layer = keyof typeof ARROWS;

/** Which layers a layer may import: all those that it does. */
const ARROWS = {
  streams: [],
  codecs: ['streams'],
  nbd: ['streams'],
  posix: ['streams'],
  'file-tree': ['streams', 'posix'],
  format: ['streams', 'posix', 'file-tree'],
  disk: ['streams', 'posix', 'nbd'],
  archives: ['streams', 'codecs', 'posix', 'file-tree', 'format', 'disk'],
  pve: ['streams', 'posix', 'file-tree'],
  stores: ['streams', 'posix', 'archives', 'pve'],
  vzdump: ['streams', 'codecs', 'posix', 'file-tree', 'format', 'disk', 'archives', 'pve', 'stores'],
  cli: ['streams', 'codecs', 'posix', 'file-tree', 'disk', 'archives', 'pve', 'stores', 'vzdump'],
  testing: [],
  'test-vectors': ['streams'],
  bench: ['streams', 'codecs', 'posix', 'format', 'archives'],
} as const satisfies Record<string, readonly string[]>;

/** What is there for tests alone. */
const FOR_TESTS: readonly Layer[] = ['testing', 'test-vectors'];

/** Everything that is against the layering, one line each. */
export function findViolations(
  packages: readonly WorkspacePackage[],
  rootDevDependencies: readonly string[],
): string[] {
  return packages.flatMap((one) => [
    ...manifestViolations(one, packages),
    ...one.sources.flatMap((file) => sourceViolations(one, file, packages, rootDevDependencies)),
  ]);
}

/** Arrows that no import follows, as `pve → disk`: a layer may import only what it does. */
export function unusedArrows(packages: readonly WorkspacePackage[]): string[] {
  const used = new Set<string>();
  for (const one of packages) {
    for (const specifier of one.sources.flatMap(({ text }) => findModuleUses(text).specifiers)) {
      const other = packages.find(({ name }) => name === packageOf(specifier));
      if (other !== undefined) used.add(`${layerOf(one)} → ${layerOf(other)}`);
    }
  }
  const arrows = Object.entries(ARROWS).flatMap(([from, below]) => below.map((to) => `${from} → ${to}`));
  return arrows.filter((arrow) => !used.has(arrow));
}

function manifestViolations(one: WorkspacePackage, packages: readonly WorkspacePackage[]): string[] {
  if (layerOf(one) === undefined) return [`${one.folder}: has no place in the layering`];
  const found: string[] = [];
  const needed = packages.filter(({ name }) => [...one.dependencies, ...one.devDependencies].includes(name));
  for (const other of needed) {
    const forTests = !one.dependencies.includes(other.name);
    if (!mayImport(one, other, forTests))
      found.push(`${one.folder}/package.json: may not depend on ${other.name}`);
    if (!one.references.includes(other.folder)) {
      found.push(
        `${one.folder}/tsconfig.json: lacks a reference to ${other.folder}, which package.json names`,
      );
    }
  }
  for (const reference of one.references) {
    if (!needed.some(({ folder }) => folder === reference)) {
      found.push(`${one.folder}/tsconfig.json: refers to ${reference}, which package.json does not name`);
    }
  }
  return found;
}

function sourceViolations(
  one: WorkspacePackage,
  file: SourceFile,
  packages: readonly WorkspacePackage[],
  rootDevDependencies: readonly string[],
): string[] {
  const uses = findModuleUses(file.text);
  const found = uses.specifiers.flatMap((specifier) => {
    const why = specifierViolation(one, file, specifier, packages, rootDevDependencies);
    return why === undefined ? [] : [`${file.path}: imports ${specifier}, ${why}`];
  });
  // A declaration file describes what another's module has.
  const exportsDefault = uses.exportsDefault && !file.path.endsWith('.d.ts');
  return exportsDefault ? [...found, `${file.path}: has a default export`] : found;
}

function specifierViolation(
  one: WorkspacePackage,
  file: SourceFile,
  specifier: string,
  packages: readonly WorkspacePackage[],
  rootDevDependencies: readonly string[],
): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(file.path), specifier);
    if (!target.startsWith(`${one.folder}/`)) return 'which is outside its package';
    return isTest(target) && !isTest(file.path) ? 'which is for tests' : undefined;
  }
  const name = packageOf(specifier);
  const forTests = isTest(file.path);
  const other = packages.find((candidate) => candidate.name === name);
  if (other === one) return 'which is its own package';
  if (other && specifier === `${name}/testing`) {
    if (!forTests) return 'which is for tests';
  } else if (other && specifier !== name) return `which is inside ${name}`;
  if (other && !mayImport(one, other, forTests)) return 'against the arrows';
  const listed = [...one.dependencies, ...(forTests ? one.devDependencies : [])];
  if (forTests && !other) listed.push(...rootDevDependencies);
  return listed.includes(name) ? undefined : 'which its package.json does not list';
}

/** `@scope/name/testing` → `@scope/name` */
function packageOf(specifier: string): string {
  return /^(?:@[^/]+\/)?[^/]*/.exec(specifier)![0];
}

function mayImport(from: WorkspacePackage, to: WorkspacePackage, forTests: boolean): boolean {
  const [layer, target] = [layerOf(from), layerOf(to)];
  if (layer === undefined || target === undefined) return false;
  const below: readonly Layer[] = ARROWS[layer];
  if (!FOR_TESTS.includes(target)) return below.includes(target);
  // The vectors are made of streams, whose tests do without them.
  return forTests && !FOR_TESTS.includes(layer) && !(target === 'test-vectors' && layer === 'streams');
}

function layerOf({ folder }: WorkspacePackage): Layer | undefined {
  const layer = folder.replace(/^formats\/[^/]+$/, 'packages/format').replace(/^packages\//, '');
  return layer in ARROWS && folder !== 'packages/format' ? (layer as Layer) : undefined;
}

/**
 * Tests stand beside the code as `….test.ts`, what they share in `testing/`; journeys have a `test/` of their
 * own.
 */
function isTest(path: string): boolean {
  return /\.test\.[jt]s$|\/(?:test|testing)\//.test(path);
}
