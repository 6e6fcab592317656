import type { ExcludeRules } from '@vzdump-format/file-tree';

/**
 * What rules leave out, with all that is below it. What they say of a directory is asked once for the files
 * in it.
 */
export class ExcludedPaths {
  /** Of the directory: its path and a slash. */
  private prefix = '';
  private holdsDirectory = false;
  private mayHoldWithin: boolean;

  constructor(private readonly rules: ExcludeRules) {
    this.mayHoldWithin = this.isUseful('');
  }

  /** @param path as `FileEntry` has it, without anything odd in it */
  has(path: string, isDirectory: boolean): boolean {
    const { prefix } = this;
    if (!path.startsWith(prefix) || path.includes('/', prefix.length)) this.goToDirectoryOf(path);
    return this.holdsDirectory || (this.mayHoldWithin && this.rules.excludes(path, isDirectory));
  }

  private goToDirectoryOf(path: string): void {
    const [, ...parents] = pathAndParents(path);
    const directory = parents[0] ?? '';
    this.prefix = directory === '' ? '' : `${directory}/`;
    this.holdsDirectory = parents.some((parent) => this.rules.excludes(parent, true));
    this.mayHoldWithin = this.isUseful(directory);
  }

  private isUseful(directory: string): boolean {
    return this.rules.mayExcludeBelow?.(directory) ?? true;
  }
}

/** `etc/default/x` → itself, `etc/default`, `etc`. */
export function pathAndParents(path: string): string[] {
  const paths = [path];
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    paths.push(path.slice(0, at));
  return paths;
}
