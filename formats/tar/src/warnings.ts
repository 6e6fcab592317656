import type { OnWarning } from '@vzdump-format/streams';

/** Of one code: what an archive's author chooses must not fill memory. */
const MOST_KINDS = 100;

/** Tells of each kind of thing once, where the first of it stands: an archive may have a million. */
export class Warnings {
  private readonly toldOf = new Map<string, Set<string>>();

  constructor(private readonly onWarning: OnWarning | undefined) {}

  /** @param kind what is told once, where there are several of a code */
  once(
    code: string,
    message: string,
    whereabouts: { offset?: number; entry?: string },
    kind: string = '',
  ): void {
    const told = this.toldOf.get(code) ?? new Set();
    if (told.has(kind) || told.size >= MOST_KINDS) return;
    this.toldOf.set(code, told.add(kind));
    this.onWarning?.({ code, message, ...whereabouts });
  }
}
