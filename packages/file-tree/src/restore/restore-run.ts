import { printableName } from '@vzdump-format/posix';
import type { EventLoopTurns, OnWarning } from '@vzdump-format/streams';
import type { OpenDirectories } from './restore-directories.js';
import type { Losses } from './restore-losses.js';
import type { MetadataWriter } from './restore-metadata.js';
import { type Existing, type NameGiver, pathComponents } from './restore-names.js';

/** A restore under way. */
export interface Restoration {
  readonly options: {
    readonly existing: Existing;
    readonly devices: boolean;
    readonly sockets: boolean;
    readonly zerosToHoles: boolean;
    readonly excludes?: ((path: string, isDirectory: boolean) => boolean) | undefined;
    readonly onWarning?: OnWarning | undefined;
    readonly signal?: AbortSignal | undefined;
  };
  /** Where it is. */
  readonly directories: OpenDirectories;
  /** A second way through the tree, to what hard links name. */
  readonly targets: OpenDirectories;
  readonly names: NameGiver;
  readonly metadata: MetadataWriter;
  readonly losses: Losses;
  readonly turns: EventLoopTurns;
  warnedOfSlash: boolean;
}

/** `pathComponents`, and a notice of the first path that starts with a slash. */
export function componentsOf(run: Restoration, path: string): string[] {
  if (path.startsWith('/') && !run.warnedOfSlash) {
    run.warnedOfSlash = true;
    run.options.onWarning?.({
      code: 'TREE_PATH_ABSOLUTE',
      message: `paths that start with a slash are taken to start in the target: first ${printableName(path)}`,
      entry: path,
      isNotice: true,
    });
  }
  return pathComponents(path);
}
