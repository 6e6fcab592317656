import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';

/** What an entry has, and its restored file has not, as a warning says it. */
const LOSSES = {
  owner: 'owner not restored',
  mode: 'permissions not restored',
  'set-id': 'setuid or setgid not restored, because the file belongs to someone else now',
  times: 'modification time not restored',
  xattr: 'extended attributes not restored',
  acl: 'access control list not restored in full',
  capabilities: 'capabilities not restored',
  flags: 'file attributes (as chattr sets them) not restored',
  'quota-project': 'quota project not restored',
  device: 'device not made',
  socket: 'socket not made',
  fifo: 'named pipe not made',
  symlink: 'symbolic link not made',
  hardlink: 'hard link not made',
} as const;

export type LossKind = keyof typeof LOSSES;

/** How many entries lost what. */
export type LossCounts = Readonly<Partial<Record<LossKind, number>>>;

/** Errors that say that something is not allowed, or that the file system does not support it. */
const NOT_ALLOWED_OR_SUPPORTED: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'ENOTTY',
  'EINVAL',
  'ERANGE',
  'E2BIG',
  'EOVERFLOW',
  'EMLINK',
  'EXDEV',
]);

interface Loss {
  count: number;
  /** The first path, and the error that it met. */
  readonly path: string;
  readonly reason: string | undefined;
  /** An entry that loses several attributes is one entry. */
  last: string;
}

/** Counts what could not be restored, so that none of it is lost silently, nor told of a million times. */
export class Losses {
  private readonly byKind = new Map<LossKind, Loss>();

  add(kind: LossKind, path: string, reason?: string): void {
    const loss = this.byKind.get(kind);
    if (loss === undefined) {
      this.byKind.set(kind, { count: 1, path, reason, last: path });
    } else if (loss.last !== path) {
      loss.count++;
      loss.last = path;
    }
  }

  /** Counts a system error that says that something is not allowed or not supported; throws any other. */
  addError(kind: LossKind, path: string, error: unknown): void {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (!NOT_ALLOWED_OR_SUPPORTED.has(code)) throw error;
    this.add(kind, path, `${syscall}: ${code}`);
  }

  /** Does what may fail for want of rights or support. @returns whether it could */
  attempt(kind: LossKind, path: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      this.addError(kind, path, error);
      return false;
    }
  }

  counts(): LossCounts {
    return Object.fromEntries([...this.byKind].map(([kind, { count }]) => [kind, count]));
  }

  /**
   * Gives one warning for each kind, with their number and the first of them. For sockets it is a notice,
   * since whoever listens on one makes it anew.
   */
  warn(onWarning: OnWarning | undefined): void {
    for (const [kind, { count, path, reason }] of this.byKind) {
      const entries = count === 1 ? '' : `${count} entries, first `;
      const why = reason === undefined ? '' : ` (${reason})`;
      onWarning?.({
        code: `TREE_LOST_${kind.toUpperCase().replace('-', '_')}`,
        message: `${LOSSES[kind]}: ${entries}${printableName(path)}${why}`,
        entry: path,
        ...(kind === 'socket' && { isNotice: true }),
      });
    }
  }
}
