import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';
import type { ExcludeRules } from './excludes.js';
import { Glob, globText } from './glob.js';

/** What vzdump leaves out of containers unless it is told otherwise (`stdexcludes`). */
export const STANDARD_EXCLUDES: readonly string[] = ['/tmp/?*', '/var/tmp/?*', '/var/run/?*.pid'];

/** What vzdump leaves out of unprivileged containers, to which it does not belong. */
export const LOST_AND_FOUND = 'lost+found';

/**
 * Exclude patterns as vzdump hands them to GNU tar, in the C locale: those that begin with a slash match from
 * the root on (`--anchored --exclude=./…`), others from any component on (`--no-anchored`). `*`, `?` and
 * brackets match slashes too; a pattern without any of them is the name itself, a backslash apart.
 *
 * What cannot match anything is a warning, `EXCLUDE_PATTERN`.
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
