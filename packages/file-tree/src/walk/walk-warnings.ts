import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';
import { CountedWarnings, shownPath } from '../entry/counted-warnings.js';

/** What entries lose because an id has no place in the id map, and how a warning says so of `n` entries. */
const UNMAPPED = {
  TREE_ID_UNMAPPED:
    'belong to users or groups without a place in the id map: they become those of nobody (65534)',
  TREE_ACL_UNMAPPED:
    'lost entries of an access control list, for users or groups without a place in the id map',
  TREE_CAPABILITIES_UNMAPPED:
    'lost their capabilities, which a superuser without a place in the id map granted',
} as const;

/** The warnings of a walk. What may be true of a million files is given once, with their number. */
export class WalkWarnings {
  private readonly counted: CountedWarnings;

  constructor(private readonly onWarning: OnWarning | undefined) {
    this.counted = new CountedWarnings(onWarning);
  }

  vanished(path: string): void {
    this.warn(
      'TREE_VANISHED',
      `${shownPath(path)} was removed or replaced before it was read: it is left out`,
      path,
    );
  }

  moved(path: string): void {
    this.warn(
      'TREE_MOVED',
      `${shownPath(path)} was moved while it was read: what was left in it is left out`,
      path,
    );
  }

  unreadable(path: string, error: Error): void {
    this.warn(
      'TREE_UNREADABLE',
      `${shownPath(path)} cannot be read, and is left out: ${error.message}`,
      path,
    );
  }

  unreadableDirectory(path: string, error: Error): void {
    this.warn(
      'TREE_UNREADABLE',
      `${shownPath(path)} cannot be read, and is empty in the archive: ${error.message}`,
      path,
    );
  }

  unreadableRest(path: string, error: Error): void {
    this.warn(
      'TREE_UNREADABLE',
      `${shownPath(path)} can no longer be read: what was left in it is left out: ${error.message}`,
      path,
    );
  }

  lostXattr(path: string, name: string, error: Error): void {
    this.warn('TREE_XATTR', `${shownPath(path)} lost its ${printableName(name)}: ${error.message}`, path);
  }

  shrank(path: string, size: number): void {
    const message = `${shownPath(path)} became shorter while it was read: what was gone of its ${size} bytes is zeros`;
    this.warn('TREE_SHRANK', message, path);
  }

  grew(path: string, size: number): void {
    const message = `${shownPath(path)} became longer while it was read: it is cut at its ${size} bytes`;
    this.warn('TREE_GREW', message, path);
  }

  changed(path: string): void {
    const message = `${shownPath(path)} changed while it was read: the archive may hold a mix of old and new`;
    this.warn('TREE_CHANGED', message, path);
  }

  /** Warns of what this system has no calls for. */
  systemLacks(message: string): void {
    this.onWarning?.({ code: 'TREE_SYSTEM_LACKS', message });
  }

  lostToIdMap(kind: keyof typeof UNMAPPED, path: string): void {
    this.counted.add(kind, UNMAPPED[kind], path);
  }

  /** Gives the warnings that were counted. */
  finish(): void {
    this.counted.finish();
  }

  private warn(code: string, message: string, entry: string): void {
    this.onWarning?.({ code, message, entry });
  }
}

/** What the process has run out of, which is not the fault of one file. */
const NOT_OF_THE_FILE: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']);

/** Whether an error says that a name is no longer there, or no longer what it was. */
export function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ESTALE';
}

/** Whether the system says that this file cannot be read, which is no reason not to read others. */
export function isOfTheFile(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    'syscall' in error &&
    !NOT_OF_THE_FILE.has((error as NodeJS.ErrnoException).code)
  );
}
