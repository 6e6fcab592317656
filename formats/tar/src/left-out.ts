import { type FileEntry, printableName } from '@vzdump-format/file-tree';
import type { OnWarning } from '@vzdump-format/streams';
import { Warnings } from './warnings.js';

/**
 * The flags that one can set, and not those by which a file system tells how it stores a file (<linux/fs.h>,
 * FS_FL_USER_MODIFIABLE and FS_NOCOW_FL).
 */
const SETTABLE_FLAGS = 0x000380ff | 0x00800000;

/** What a tar archive has no place for. */
export class LeftOut {
  private readonly sockets = new Set<string>();
  private readonly warnings: Warnings;

  constructor(private readonly onWarning: OnWarning | undefined) {
    this.warnings = new Warnings(onWarning);
  }

  /** Whether an entry is left out as a whole, which is warned of each time. */
  leavesOut(entry: FileEntry): boolean {
    this.warnOfAttributes(entry);
    const { path, type, linkTarget = '' } = entry;
    const isSocket = type === 'socket' || (type === 'hardlink' && this.sockets.has(linkTarget));
    if (!isSocket) return false;
    this.sockets.add(path);
    this.onWarning?.({
      code: 'TAR_SOCKET',
      message: `${printableName(path)} is a socket, and left out: a tar archive cannot hold one`,
      entry: path,
    });
    return true;
  }

  private warnOfAttributes({ path, flags = 0, quotaProject = 0 }: FileEntry): void {
    if ((flags & SETTABLE_FLAGS) !== 0) {
      const message = `flags as lsattr shows them are left out: a tar archive has no place for them (first: ${printableName(path)})`;
      this.warnings.once('TAR_FLAGS', message, { entry: path });
    }
    if (quotaProject !== 0) {
      const message = `quota projects are left out: a tar archive has no place for them (first: ${printableName(path)})`;
      this.warnings.once('TAR_QUOTA_PROJECT', message, { entry: path });
    }
  }
}
