import { posix } from 'node:path';
import type { SourceFile } from './layering.js';
import { findModuleUses } from './module-uses.js';

/**
 * The circles of files that import each other, for types too: each is the list of its files, in the order of
 * their imports. A file may be in several of them.
 */
export function findCircles(sources: readonly SourceFile[]): string[][] {
  const imports = importsByFile(sources);
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) circles.push(path.slice(start));
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const imported of imports.get(file) ?? []) visit(imported);
    path.pop();
    done.add(file);
  };
  for (const { path: file } of sources) visit(file);
  return circles;
}

function importsByFile(sources: readonly SourceFile[]): ReadonlyMap<string, readonly string[]> {
  const known = new Set(sources.map(({ path }) => path));
  return new Map(
    sources.map(({ path, text }) => {
      const relative = findModuleUses(text).specifiers.filter((specifier) => specifier.startsWith('.'));
      const files = relative.map((specifier) => sourceOf(posix.join(posix.dirname(path), specifier)));
      return [path, files.filter((file) => known.has(file))];
    }),
  );
}

/** Imports name the file that is compiled. */
function sourceOf(path: string): string {
  return path.replace(/\.js$/, '.ts');
}
