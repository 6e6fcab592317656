import { IdMap } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import type { OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';

/** For every command that packs or restores a directory tree. */
export const treeOptions: readonly OptionSpec[] = [
  {
    flags: '--exclude-path <pattern>',
    description:
      'leave out what matches, by the rules of the format. tar, as vzdump: from the root on with a slash in front, else anywhere; * matches slashes. pxar, as pxar create and git: * matches no slash, ** does, ! takes back, the last that matches counts, and .pxarexclude files add to it',
    repeatable: true,
  },
  {
    flags: '--idmap <u:GUEST:HOST:COUNT>',
    description:
      'ids of an unprivileged container: u for users, g for groups, b for both (b:0:100000:65536 is the usual one); lost+found is not packed then, as by vzdump',
    repeatable: true,
  },
];

export interface TreeOptions {
  readonly excludePath?: readonly string[];
  readonly idmap?: readonly string[];
}

/** @throws UsageError */
export function idMapOf({ idmap }: TreeOptions): IdMap | undefined {
  if (idmap === undefined) return undefined;
  try {
    return IdMap.parse(idmap);
  } catch (error) {
    if (error instanceof ArchiveError) throw new UsageError(`--idmap: ${error.message}`, error.hint);
    throw error;
  }
}
