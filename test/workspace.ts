import { readdir, readFile } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import type { SourceFile, WorkspacePackage } from './layering.js';

interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

export interface Workspace {
  readonly packages: readonly WorkspacePackage[];
  readonly devDependencies: readonly string[];
}

/** Reads the manifests, tsconfig references and sources of all packages below the repository's root. */
export async function readWorkspace(root: string): Promise<Workspace> {
  const manifest: Manifest = await readJson(join(root, 'package.json'));
  const folders = await Promise.all((manifest.workspaces ?? []).map((pattern) => expand(root, pattern)));
  return {
    packages: await Promise.all(folders.flat().map((folder) => readPackage(root, folder))),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
  };
}

/** `packages/*` stands for each folder there that has a manifest. */
async function expand(root: string, pattern: string): Promise<string[]> {
  const parent = posix.dirname(pattern);
  const names = pattern.endsWith('/*') ? await readdir(join(root, parent)) : [posix.basename(pattern)];
  const folders = names.sort().map((name) => posix.join(parent, name));
  const manifests = await Promise.all(folders.map((folder) => list(join(root, folder), 'package.json')));
  return folders.filter((_, index) => manifests[index]!.length > 0);
}

async function readPackage(root: string, folder: string): Promise<WorkspacePackage> {
  const manifest: Manifest = await readJson(join(root, folder, 'package.json'));
  const tsconfig: { references?: { path: string }[] } = await readJson(join(root, folder, 'tsconfig.json'));
  const { dependencies, optionalDependencies, peerDependencies } = manifest;
  return {
    name: manifest.name,
    folder,
    dependencies: Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    references: (tsconfig.references ?? []).map(({ path }) => posix.join(folder, path)),
    sources: (
      await Promise.all(['src', 'test'].map((part) => readSources(root, posix.join(folder, part))))
    ).flat(),
  };
}

async function readSources(root: string, folder: string): Promise<SourceFile[]> {
  const names = await list(join(root, folder), '.ts', true);
  return Promise.all(
    names.map(async (name) => ({
      path: posix.join(folder, name.split(sep).join('/')),
      text: await readFile(join(root, folder, name), 'utf8'),
    })),
  );
}

/** The names that end so; none where the folder is not there. */
async function list(folder: string, ending: string, recursive = false): Promise<string[]> {
  try {
    return (await readdir(folder, { recursive })).filter((name) => name.endsWith(ending)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8'));
}
