import { splitLines, splitList, trimBlanks } from '../syntax/config-lines.js';

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
