import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { splitLines, splitList, trimBlanks } from '../config-syntax.js';
import type { VzdumpOptions } from './vzdump-options.js';

/** What there is to choose from. */
export interface KnownGuests {
  /** The numbers of the guests on this node. */
  readonly local: readonly number[];
  /** Of those on other nodes. */
  readonly external: readonly number[];
  readonly pools: Pools;
}

export interface GuestSelection {
  /**
   * In ascending order. Those that were named are among them even if there is no such guest, to fail where
   * all see it.
   */
  readonly vmids: readonly number[];
  /** For the log. */
  readonly messages: readonly string[];
  /** Why there is none, though some were asked for. */
  readonly whyNone?: string;
}

/** How guests are chosen without being named. */
export type GuestChoice = Pick<VzdumpOptions, 'all' | 'exclude' | 'pool'>;

/**
 * Reads the numbers of guests off the command line, of which each argument may be a list (`100,101`): each
 * once, in ascending order; 0 is dropped.
 * @throws `VMID`
 */
export function parseVmids(texts: readonly string[]): readonly number[] {
  const numbers = texts.flatMap(splitList).map((text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(number)) return number;
    throw new ArchiveError('VMID', `strange VM ID '${printableName(text)}'`, {
      hint: 'guests are named by their numbers',
    });
  });
  return ascending(numbers.filter((number) => number !== 0));
}

/**
 * Which guests are asked for: those that are named; those of a pool; or all on this node but the excluded.
 * @throws `POOL_UNKNOWN`
 */
export function selectGuests(
  vmids: readonly number[],
  choice: GuestChoice,
  known: KnownGuests,
): GuestSelection {
  const { all = false, exclude = [], pool } = choice;
  if (vmids.length > 0) return withoutExternal(vmids, known);
  if (pool !== undefined) {
    const members = [...membersOf(pool, known.pools)];
    return members.length > 0 ? withoutExternal(members, known) : none(`the pool '${pool}' is empty`);
  }
  if (!all && exclude.length === 0) return { vmids: [], messages: [] };
  const left = known.local.filter((vmid) => !exclude.includes(vmid));
  if (left.length > 0) return { vmids: ascending(left), messages: [] };
  return none(
    known.local.length > 0 ? 'all guests of this node are excluded' : 'there are no guests on this node',
  );
}

function none(whyNone: string, messages: readonly string[] = []): GuestSelection {
  return { vmids: [], messages, whyNone };
}

function membersOf(pool: string, pools: Pools): ReadonlySet<number> {
  const members = pools.get(pool);
  if (members !== undefined) return members;
  throw new ArchiveError('POOL_UNKNOWN', `pool '${printableName(pool)}' does not exist`, {
    hint:
      pools.size === 0
        ? 'user.cfg has no pools'
        : `there are ${[...pools.keys()].map(printableName).join(', ')}`,
  });
}

function withoutExternal(vmids: readonly number[], { local, external }: KnownGuests): GuestSelection {
  const skipped = vmids.filter((vmid) => external.includes(vmid) && !local.includes(vmid));
  const messages = skipped.length === 0 ? [] : [`skip external VMs: ${ascending(skipped).join(', ')}`];
  if (skipped.length === vmids.length) return none('the guests are on other nodes', messages);
  return { vmids: ascending(vmids.filter((vmid) => !skipped.includes(vmid))), messages };
}

function ascending(vmids: readonly number[]): readonly number[] {
  return [...new Set(vmids)].sort((one, other) => one - other);
}

/** The guests of each pool, by the pool's id. */
export type Pools = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * The pools in user.cfg: lines `pool:ID:COMMENT:VMID,VMID:STORAGE,STORAGE:`. Its other lines, of users,
 * groups and rights, are passed over, and so is what is no number of a guest.
 */
export function parsePools(text: string): Pools {
  const pools = new Map<string, Set<number>>();
  for (const line of splitLines(text)) {
    const [kind, id, , guests = ''] = line.split(':').map(trimBlanks);
    if (kind !== 'pool' || id === undefined || id === '') continue;
    const members = pools.get(id) ?? new Set();
    for (const vmid of splitList(guests)) if (/^\d{1,9}$/.test(vmid)) members.add(Number(vmid));
    pools.set(id, members);
  }
  return pools;
}
