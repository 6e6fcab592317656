import { join } from 'node:path';
import { bytesToPath, pathToBytes, printableName } from '@vzdump-format/posix';
import type { PveRoot } from '@vzdump-format/pve';
import { readConfigFile } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';

/** @throws `POOL_UNKNOWN` */
export async function requirePool(pveRoot: PveRoot, pool: string): Promise<void> {
  const pools = await pveRoot.pools();
  if (pools.has(pool)) return;
  throw new ArchiveError('POOL_UNKNOWN', `pool '${printableName(pool)}' does not exist`, {
    hint:
      pools.size === 0 ? 'there are none' : `there are ${[...pools.keys()].map(printableName).join(', ')}`,
  });
}

/** Makes a guest a member of a pool, in its line of user.cfg: `pool:ID:COMMENT:GUEST,GUEST:STORAGE:`. */
export async function addToPool(pveRoot: PveRoot, pool: string, vmid: number): Promise<void> {
  await requirePool(pveRoot, pool);
  if ((await pveRoot.pools()).get(pool)?.has(vmid)) return;
  const path = join(pveRoot.directory, 'user.cfg');
  const lines = bytesToPath(await readConfigFile(path)).split('\n');
  const at = lines.findIndex((line) => line.trimStart().startsWith(`pool:${pool}:`));
  const fields = lines[at]!.split(':');
  const guests = (fields[3] ?? '').split(',').filter((each) => each.trim() !== '');
  const changed = [...fields.slice(0, 3), [...guests, String(vmid)].join(','), ...fields.slice(4)];
  while (changed.length < 6) changed.push('');
  await pveRoot.writeFile(path, pathToBytes(lines.with(at, changed.join(':')).join('\n')), {
    overwrite: true,
  });
}
