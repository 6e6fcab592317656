import type { ExcludeRules } from '@vzdump-format/file-tree';
import { EXCLUDES_FILE } from '@vzdump-format/pxar';
import type { OnWarning } from '@vzdump-format/streams';

/**
 * Rules for a tree that is packed: the notes in its root of what an archive before left out, with which it
 * was restored, are left out as by `pxar create`, whatever the patterns are. That is told, as
 * `PXAR_LEFT_OUT`, since a user might have named something so; of a directory, which notes never are, it is a
 * warning.
 */
export function withoutNotes(rules: ExcludeRules, onWarning: OnWarning | undefined): ExcludeRules {
  return {
    excludes(path, isDirectory) {
      if (rules.excludes(path, isDirectory)) return true;
      if (path !== EXCLUDES_FILE) return false;
      const message = `${EXCLUDES_FILE} in the root is not packed: that is the name of the notes of what was left out`;
      onWarning?.({ code: 'PXAR_LEFT_OUT', message, entry: path, isNotice: !isDirectory });
      return true;
    },
    within(directory, readFile) {
      const inner = rules.within?.(directory, readFile) ?? rules;
      return directory === '' ? withoutNotes(inner, onWarning) : inner;
    },
  };
}
