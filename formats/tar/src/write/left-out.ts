import { CountedWarnings, type FileEntry } from '@vzdump-format/file-tree';
import type { OnWarning } from '@vzdump-format/streams';

/**
 * The flags that one can set, and not those by which a file system tells how it stores a file (<linux/fs.h>,
 * FS_FL_USER_MODIFIABLE and FS_NOCOW_FL).
 */
const SETTABLE_FLAGS = 0x000380ff | 0x00800000;

/** What a tar archive has no place for, counted. */
export class LeftOut {
  private readonly sockets = new Set<string>();
  private readonly warnings: CountedWarnings;

  constructor(onWarning: OnWarning | undefined) {
    this.warnings = new CountedWarnings(onWarning);
  }

  /** Whether an entry is left out as a whole. */
  leavesOut(entry: FileEntry): boolean {
    this.noteAttributes(entry);
    const { path, type, linkTarget = '' } = entry;
    const isSocket = type === 'socket' || (type === 'hardlink' && this.sockets.has(linkTarget));
    if (!isSocket) return false;
    this.sockets.add(path);
    this.warnings.addNotice('TAR_SOCKET', 'left out: a tar archive cannot hold a socket', path);
    return true;
  }

  /** Says what was left out. */
  finish(): void {
    this.warnings.finish();
  }

  private noteAttributes({ path, flags = 0, quotaProject = 0 }: FileEntry): void {
    if ((flags & SETTABLE_FLAGS) !== 0) {
      const what = 'without flags, as lsattr shows them: a tar archive has no place for them';
      this.warnings.add('TAR_FLAGS', what, path);
    }
    if (quotaProject !== 0) {
      const what = 'without a quota project: a tar archive has no place for them';
      this.warnings.add('TAR_QUOTA_PROJECT', what, path);
    }
  }
}
