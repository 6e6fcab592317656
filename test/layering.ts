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

const BYTES = ['streams'] as const;
const FILES = [...BYTES, 'posix', 'file-tree'] as const;
const DISKS = [...BYTES, 'posix', 'nbd'] as const;
const ARCHIVES = [...FILES, 'codecs', 'nbd', 'format', 'disk'] as const;
const PROXMOX = [...FILES, 'disk'] as const;
const STORES = [...ARCHIVES, 'archives', 'pve'] as const;
const GUESTS = [...STORES, 'stores'] as const;

/** Which layers a layer may import: bytes → disks and trees → archives → Proxmox VE → stores → guests. */
const ARROWS = {
  streams: [],
  codecs: BYTES,
  nbd: BYTES,
  posix: BYTES,
  'file-tree': [...BYTES, 'posix'],
  format: FILES,
  disk: DISKS,
  archives: ARCHIVES,
  pve: PROXMOX,
  stores: STORES,
  vzdump: GUESTS,
  cli: [...GUESTS, 'vzdump'],
  testing: [],
  'test-vectors': BYTES,
  bench: [...GUESTS, 'vzdump', 'cli'],
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
  const name = /^(?:@[^/]+\/)?[^/]*/.exec(specifier)![0];
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
