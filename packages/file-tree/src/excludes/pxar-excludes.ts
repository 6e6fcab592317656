import { bytesToPath, printableName } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';
import type { ExcludeRules, ReadRulesFile } from './excludes.js';
import { Glob, globText } from './glob.js';

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
 * Exclude patterns as the backup server's client has them, which are much like those of git: the last that
 * matches counts; `!` takes back; with a slash at the end for directories only; with one at the start from
 * the root on, otherwise any end of a path, from a slash on. `*`, `?` and brackets match no slash, `**` any
 * directories. The root itself is held against none.
 *
 * Files `.pxarexclude` add lines of the same, to which their directory is the root; lines that are blank or
 * begin with `#` are none. Their rules count for more than those given here.
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
