import type { OnWarning } from '@vzdump-format/streams';

/** What an archive's author chooses must not fill memory. */
const MOST_KINDS = 100;

/** Tells of each kind of thing once, where the first of it stands: an archive may have a million. */
export class Warnings {
  private readonly told = new Set<string>();

  constructor(private readonly onWarning: OnWarning | undefined) {}

  /** @param kind what is told once, the code unless given */
  once(
    code: string,
    message: string,
    whereabouts: { offset?: number; entry?: string },
    kind: string = code,
  ): void {
    if (this.told.has(kind) || this.told.size >= MOST_KINDS) return;
    this.told.add(kind);
    this.onWarning?.({ code, message, ...whereabouts });
  }
}
