import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';

interface Counted {
  readonly code: string;
  readonly what: string;
  readonly first: string;
  readonly isNotice: boolean;
  count: number;
  /** An entry that is told of twice in a row is one entry. */
  last: string;
}

/** Warnings of what may be true of a million entries: each is given once, at the end, with their number. */
export class CountedWarnings {
  private readonly kinds = new Map<string, Counted>();

  constructor(private readonly onWarning: OnWarning | undefined) {}

  /** @param what is true of the entry, as it follows `2 entries`; one of few */
  add(code: string, what: string, path: string): void {
    this.count({ code, what, first: path, isNotice: false });
  }

  /** As `add`, for what is ordinary: it becomes a notice. */
  addNotice(code: string, what: string, path: string): void {
    this.count({ code, what, first: path, isNotice: true });
  }

  private count(told: Omit<Counted, 'count' | 'last'>): void {
    const { what, first: path } = told;
    const kind = this.kinds.get(what);
    if (kind === undefined) {
      this.kinds.set(what, { ...told, count: 1, last: path });
    } else if (kind.last !== path) {
      kind.count++;
      kind.last = path;
    }
  }

  /** Gives the warnings. */
  finish(): void {
    for (const { code, what, first, count, isNotice } of this.kinds.values()) {
      const entries = count === 1 ? '1 entry' : `${count} entries`;
      const message = `${entries} ${what}; first ${shownPath(first)}`;
      this.onWarning?.({ code, message, entry: first, ...(isNotice && { isNotice }) });
    }
  }
}

/** A path in a tree, as messages show it. */
export function shownPath(path: string): string {
  return path === '' ? 'the root directory' : printableName(path);
}
