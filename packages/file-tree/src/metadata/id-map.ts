import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';

/**
 * What an id that has no place in a map is shown as (`/proc/sys/kernel/overflowuid`, the same everywhere).
 */
export const UNMAPPED_ID = 65_534;

/** As many as the kernel takes for a user namespace (UID_GID_MAP_MAX_EXTENTS). */
const MOST_RANGES = 340;
/** 2^32 - 1 is no id (it means 'leave it as it is'). */
const ID_COUNT = 0xffff_ffff;

export type IdKind = 'user' | 'group';

interface Range {
  /** The first id in the container. */
  readonly guest: number;
  /** The id on the host that it stands for. */
  readonly host: number;
  readonly count: number;
}

/**
 * How the ids in a container stand for ids of the host. An unprivileged container's files belong to the
 * latter on disk, and to the former in an archive.
 */
export class IdMap {
  /** What Proxmox VE gives a container with `unprivileged: 1` that has no map of its own. */
  static readonly unprivileged = IdMap.parse(['b:0:100000:65536']);

  private constructor(
    private readonly users: readonly Range[],
    private readonly groups: readonly Range[],
  ) {}

  /**
   * Reads ranges of the form `u:<in the container>:<on the host>:<count>`: `u` of user ids, `g` of group ids,
   * `b` of both. The separators may be spaces too, as in a configuration's `lxc.idmap` lines
   * (lxc.container.conf(5)), lxc-usernsexec(1).
   *
   * @throws `ID_MAP` for anything else; for ranges that overlap, or leave what ids can be; for a map of users
   * or groups alone
   */
  static parse(ranges: readonly string[]): IdMap {
    const users: Range[] = [];
    const groups: Range[] = [];
    for (const text of ranges) {
      const { kind, range } = parseRange(text);
      if (kind !== 'g') users.push(range);
      if (kind !== 'u') groups.push(range);
    }
    requireUsable('user', users);
    requireUsable('group', groups);
    return new IdMap(users, groups);
  }

  /** `undefined` for an id that has no place in the map. */
  toGuest(kind: IdKind, hostId: number): number | undefined {
    const range = this.rangesOf(kind).find(({ host, count }) => hostId >= host && hostId - host < count);
    return range && range.guest + hostId - range.host;
  }

  /** `undefined` for an id that has no place in the map. */
  toHost(kind: IdKind, guestId: number): number | undefined {
    const range = this.rangesOf(kind).find(({ guest, count }) => guestId >= guest && guestId - guest < count);
    return range && range.host + guestId - range.guest;
  }

  private rangesOf(kind: IdKind): readonly Range[] {
    return kind === 'user' ? this.users : this.groups;
  }
}

function parseRange(text: string): { kind: string; range: Range } {
  const match = /^([ugb])[:\s]+(\d{1,10})[:\s]+(\d{1,10})[:\s]+(\d{1,10})$/.exec(text.trim());
  const [guest, host, count] = (match?.slice(2) ?? []).map(Number) as [number, number, number];
  if (match === null || count === 0 || guest + count > ID_COUNT || host + count > ID_COUNT) {
    throw new ArchiveError('ID_MAP', `not a range of ids: ${printableName(text)}`, {
      hint: 'ranges are given as u:0:100000:65536, with u for users, g for groups, b for both',
    });
  }
  return { kind: match[1]!, range: { guest, host, count } };
}

function requireUsable(kind: IdKind, ranges: readonly Range[]): void {
  if (ranges.length === 0) {
    throw new ArchiveError('ID_MAP', `the map has a place for no ${kind} at all`, {
      hint: 'users and groups are mapped each by themselves: u:… and g:…, or b:… for both',
    });
  }
  if (ranges.length > MOST_RANGES) {
    throw new ArchiveError('ID_MAP', `the map has more than ${MOST_RANGES} ranges of ${kind} ids`);
  }
  for (const side of ['guest', 'host'] as const) {
    const sorted = ranges.toSorted((a, b) => a[side] - b[side]);
    const overlap = sorted.find((range, index) => range[side] < endOf(sorted[index - 1], side));
    if (overlap !== undefined) {
      throw new ArchiveError('ID_MAP', `the map has two places for the ${kind} id ${overlap[side]}`);
    }
  }
}

function endOf(range: Range | undefined, side: 'guest' | 'host'): number {
  return range === undefined ? 0 : range[side] + range.count;
}
