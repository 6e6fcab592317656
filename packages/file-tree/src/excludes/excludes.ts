/** Which paths of a tree are left out of an archive. */
export interface ExcludeRules {
  /**
   * Whether what is at a path, as `FileEntry` has it, is left out, and all below it. Asked of a path when
   * nothing above it is left out.
   */
  excludes(path: string, isDirectory: boolean): boolean;
  /** Whether anything below a directory can be left out: to be asked once for all that is in it. */
  mayExcludeBelow?(directory: string): boolean;
  /**
   * The rules below a directory, when it is entered: it may hold a file with some of its own.
   * @param readFile gives a regular file in the directory, as far as it is of a size to hold rules
   */
  within?(directory: string, readFile: ReadRulesFile): ExcludeRules;
}

/** `undefined` when there is no such file, or none of at most `largest` bytes. */
export type ReadRulesFile = (name: string, largest: number) => Uint8Array | undefined;

/** Rules, and what is left out besides, at whatever depth. */
export function excludingAlso(
  rules: ExcludeRules,
  isLeftOut: (path: string, isDirectory: boolean) => boolean,
): ExcludeRules {
  const { within } = rules;
  return {
    excludes: (path, isDirectory) => rules.excludes(path, isDirectory) || isLeftOut(path, isDirectory),
    ...(within !== undefined && {
      within: (directory, readFile) => excludingAlso(within.call(rules, directory, readFile), isLeftOut),
    }),
  };
}
