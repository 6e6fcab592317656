import { bytesToPath, printableName } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import { Glob, globText } from './glob.js';

/** Which paths of a tree are left out of an archive. */
export interface ExcludeRules {
  /**
   * Whether what is at a path, as `FileEntry` has it, is left out, and all below it. It is asked about a
   * path only when nothing above that is left out.
   */
  excludes(path: string, isDirectory: boolean): boolean;
  /** Whether anything below a directory can be left out. It is asked once for each directory. */
  mayExcludeBelow?(directory: string): boolean;
  /**
   * The rules below a directory, when it is entered: it may hold a file with some of its own.
   * @param readFile gives a regular file in the directory, as far as it is of a size to hold rules
   */
  within?(directory: string, readFile: ReadRulesFile): ExcludeRules;
}

/** `undefined` when there is no such file, or none of at most `largest` bytes. */
export type ReadRulesFile = (name: string, largest: number) => Uint8Array | undefined;

/** Rules that also leave out what `isLeftOut` says, at any depth. */
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

/** What vzdump leaves out of containers unless it is told otherwise (`stdexcludes`). */
export const STANDARD_EXCLUDES: readonly string[] = ['/tmp/?*', '/var/tmp/?*', '/var/run/?*.pid'];

/** What vzdump leaves out of unprivileged containers, to which it does not belong. */
export const LOST_AND_FOUND = 'lost+found';

/**
 * Exclude patterns as vzdump hands them to GNU tar, in the C locale: those that begin with a slash match from
 * the root on (`--anchored --exclude=./…`), others from any component on (`--no-anchored`). `*`, `?` and
 * brackets match slashes too; a pattern without any of them is the name itself, a backslash apart.
 *
 * A pattern that cannot match anything is a warning, `EXCLUDE_PATTERN`.
 */
export function gnuTarExcludes(patterns: readonly string[], onWarning?: OnWarning): ExcludeRules {
  const rules: { readonly glob: Glob; readonly anywhere: boolean }[] = [];
  for (const pattern of patterns) {
    const anchored = pattern.startsWith('/');
    const glob = Glob.parse(asLiteralIfPlain(anchored ? `.${pattern}` : pattern), 'fnmatch');
    if (glob === undefined || pattern === '' || pattern.endsWith('/')) {
      onWarning?.({
        code: 'EXCLUDE_PATTERN',
        message: `the exclude pattern ${printableName(pattern) || "''"} matches nothing`,
        ...(pattern.endsWith('/') && { hint: 'leave the slash at its end out' }),
      });
    } else {
      rules.push({ glob, anywhere: !anchored });
    }
  }
  if (rules.length === 0) return { excludes: () => false };
  return {
    excludes: (path) => {
      const text = textOf(path);
      return rules.some(({ glob, anywhere }) => glob.matches(text, anywhere));
    },
    mayExcludeBelow: (directory) => {
      const text = `${textOf(directory)}/`;
      return rules.some(({ glob, anywhere }) => anywhere || glob.mayMatchBelow(text));
    },
  };
}

function textOf(path: string): string {
  return path === '' ? '.' : `./${globText(path)}`;
}

/** GNU tar compares a pattern without wildcards as a name, in which a backslash at the end is one. */
function asLiteralIfPlain(pattern: string): string {
  const unescaped = pattern.replace(/\\./gs, '');
  return unescaped.endsWith('\\') && !/[*?[]/.test(unescaped) ? `${pattern}\\` : pattern;
}

/** The file in which a directory has rules of its own, for what is below it. */
export const PXAR_EXCLUDE_FILE = '.pxarexclude';
/** A guest wrote it. No reason is known to have a larger one. */
const LARGEST_RULES_FILE = 64 << 10;

interface Rule {
  readonly glob: Glob;
  readonly includes: boolean;
  readonly directoriesOnly: boolean;
  /**
   * Text before the part of a path that has to match as a whole; `undefined` when it may be any of its ends.
   */
  readonly anchor: string | undefined;
}

/**
 * Exclude patterns as the backup server's client has them, which are much like git's. The last pattern that
 * matches a path decides, and one that begins with `!` keeps the path. A pattern that ends in a slash
 * matches directories only. One that begins with a slash matches from the root on; any other may match the
 * end of a path, after a slash. `*`, `?` and brackets match no slash; `**` matches any directories. The
 * root itself is never left out.
 *
 * Files `.pxarexclude` hold such patterns, one a line, for which their directory is the root; blank lines
 * and lines that begin with `#` are skipped. Their rules count for more than those given here.
 *
 * @throws `EXCLUDE_PATTERN` for a pattern that can match nothing; in a file it is a warning
 */
export function pxarExcludes(patterns: readonly string[], onWarning?: OnWarning): ExcludeRules {
  const rules = patterns.map((pattern) => {
    const rule = parseRule(pattern, '');
    if (rule !== undefined) return rule;
    throw new ArchiveError(
      'EXCLUDE_PATTERN',
      `the exclude pattern ${printableName(pattern) || "''"} can match nothing`,
    );
  });
  return new PxarExcludes(rules, undefined, onWarning);
}

class PxarExcludes implements ExcludeRules {
  private readonly isEmpty: boolean;

  constructor(
    private readonly rules: readonly Rule[],
    /** The rules of the directory above, which count where none of these does. */
    private readonly outer: PxarExcludes | undefined,
    private readonly onWarning: OnWarning | undefined,
  ) {
    this.isEmpty = rules.length === 0 && outer === undefined;
  }

  excludes(path: string, isDirectory: boolean): boolean {
    if (this.isEmpty || path === '') return false;
    const text = globText(path);
    let rules: PxarExcludes | undefined = this;
    for (; rules !== undefined; rules = rules.outer) {
      const found = rules.rules.findLast((rule) => applies(rule, text, isDirectory));
      if (found !== undefined) return !found.includes;
    }
    return false;
  }

  mayExcludeBelow(directory: string): boolean {
    const text = directory === '' ? '' : `${globText(directory)}/`;
    let rules: PxarExcludes | undefined = this;
    for (; rules !== undefined; rules = rules.outer) {
      if (rules.rules.some((rule) => mayApplyBelow(rule, text))) return true;
    }
    return false;
  }

  within(directory: string, readFile: ReadRulesFile): ExcludeRules {
    const file = readFile(PXAR_EXCLUDE_FILE, LARGEST_RULES_FILE);
    if (file === undefined) return this;
    const path = directory === '' ? PXAR_EXCLUDE_FILE : `${directory}/${PXAR_EXCLUDE_FILE}`;
    const rules = this.parseFile(file, directory, path);
    return rules.length === 0 ? this : new PxarExcludes(rules, this, this.onWarning);
  }

  private parseFile(file: Uint8Array, directory: string, path: string): Rule[] {
    const anchor = directory === '' ? '' : `${globText(directory)}/`;
    const rules: Rule[] = [];
    for (const line of bytesToPath(file).split('\n')) {
      const pattern = line.trim();
      if (pattern === '' || pattern.startsWith('#')) continue;
      const rule = parseRule(pattern, anchor);
      if (rule !== undefined) rules.push(rule);
      else {
        this.onWarning?.({
          code: 'EXCLUDE_PATTERN',
          message: `${printableName(path)}: ${printableName(pattern)} can match nothing`,
          entry: path,
        });
      }
    }
    return rules;
  }
}

function parseRule(pattern: string, anchor: string): Rule | undefined {
  const includes = pattern.startsWith('!');
  const body = includes ? pattern.slice(1) : pattern;
  const anchored = body.startsWith('/');
  const directoriesOnly = body.endsWith('/');
  const name = body.slice(anchored ? 1 : 0).replace(/\/+$/, '');
  const glob = name === '' ? undefined : Glob.parse(name, 'git');
  return glob && { glob, includes, directoriesOnly, anchor: anchored ? anchor : undefined };
}

/** @param text of a directory, with a slash behind */
function mayApplyBelow({ glob, anchor }: Rule, text: string): boolean {
  if (anchor === undefined || !text.startsWith(anchor)) return true;
  return glob.mayMatchBelow(text.slice(anchor.length));
}

function applies({ glob, directoriesOnly, anchor }: Rule, text: string, isDirectory: boolean): boolean {
  if (directoriesOnly && !isDirectory) return false;
  if (anchor === undefined) return glob.matches(text, true);
  return text.startsWith(anchor) && glob.matches(text.slice(anchor.length), false);
}
