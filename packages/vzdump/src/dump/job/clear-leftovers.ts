import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { bytesToPath, pathToBytes, printableName, removeTree } from '@vzdump-format/posix';
import type { Guest } from '@vzdump-format/pve';
import {
  configValue,
  formatGuestConfig,
  isThere,
  parseGuestConfig,
  readConfigFile,
  withoutKeys,
  writeConfigFile,
} from '@vzdump-format/pve';
import { howToUnlock } from '../../guest-access/host-program.js';
import { errorText } from '../error-text.js';
import { BACKUP_LOCK } from '../guest/guest-lock.js';
import type { JobLog } from './job-log.js';
import type { Journal, JournalEntry } from './journal.js';

/**
 * Puts right what a job that was killed has left; what cannot be is a warning. Our own job begins after it.
 */
export async function clearLeftovers(journal: Journal, log: JobLog): Promise<void> {
  const left: JournalEntry[] = [];
  for (const entry of journal.leftovers()) {
    try {
      if (await clear(entry, log)) log.info(`cleared what a backup that was killed has left: ${told(entry)}`);
    } catch (error) {
      left.push(entry);
      log.warn(
        `unable to clear what a backup that was killed has left: ${told(entry)} - ${errorText(error)}`,
      );
      if (entry.kind === 'locked') {
        log.info(`hint: unlock it: ${howToUnlock(guestOf(entry.path), BACKUP_LOCK)}`);
      }
    }
  }
  journal.begin(left);
}

function told({ kind, path }: JournalEntry): string {
  return kind === 'locked' ? `lock in '${printableName(path)}'` : `'${printableName(path)}'`;
}

/** @returns whether there was anything to do */
async function clear({ kind, path }: JournalEntry, log: JobLog): Promise<boolean> {
  if (!(await isThere(path))) return false;
  if (kind === 'locked') return unlockConfig(path, log);
  if (kind === 'temporary') await removeTree(path);
  else await rm(path, { force: true });
  return true;
}

/** @param configPath as in the journal: `/etc/pve/lxc/101.conf` */
function guestOf(configPath: string): Guest {
  const vmid = Number(basename(configPath, '.conf'));
  return { vmid, type: basename(dirname(configPath)) === 'lxc' ? 'lxc' : 'qemu', configPath };
}

async function unlockConfig(path: string, { onWarning }: JobLog): Promise<boolean> {
  const { type } = guestOf(path);
  const config = parseGuestConfig(bytesToPath(await readConfigFile(path)), type);
  if (configValue(config, 'lock') !== BACKUP_LOCK) return false;
  const unlocked = withoutKeys(config, (key) => key === 'lock');
  await writeConfigFile(path, pathToBytes(formatGuestConfig(unlocked)), {
    overwrite: true,
    onWarning,
  });
  return true;
}
