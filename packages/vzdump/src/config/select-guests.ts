import { printableName } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import { splitList } from './config-lines.js';
import type { Pools } from './pools.js';
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
   * In ascending order. Those that were named are among them even if there is no such guest, to fail where all see
   * it.
   */
  readonly vmids: readonly number[];
  /** For the log. */
  readonly messages: readonly string[];
}

/**
 * Reads the numbers of guests off the command line, of which each argument may be a list (`100,101`): each once, in
 * ascending order; 0 is dropped.
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
 * Which guests the command line asks for: those that it names; those of a pool; or all on this node but the excluded.
 * vzdump.conf has no say in this.
 * @throws `POOL_UNKNOWN`
 */
export function selectGuests(
  vmids: readonly number[],
  options: Pick<VzdumpOptions, 'all' | 'exclude' | 'pool'>,
  known: KnownGuests,
): GuestSelection {
  if (vmids.length > 0) return withoutExternal(vmids, known);
  if (options.pool !== undefined) return withoutExternal([...membersOf(options.pool, known.pools)], known);
  const excluded = options.exclude ?? [];
  if (options.all !== true && excluded.length === 0) return { vmids: [], messages: [] };
  return { vmids: ascending(known.local.filter((vmid) => !excluded.includes(vmid))), messages: [] };
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
  return { vmids: ascending(vmids.filter((vmid) => !skipped.includes(vmid))), messages };
}

function ascending(vmids: readonly number[]): readonly number[] {
  return [...new Set(vmids)].sort((one, other) => one - other);
}
