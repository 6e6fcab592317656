import { printableName } from '@vzdump-format/posix';
import type { Guest, PveRoot } from '@vzdump-format/pve';
import { configValue, formatGuestConfig, type GuestConfig, withoutKeys, withValue } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { howToUnlock } from '../../guest-access/host-program.js';
import { BACKUP_LOCK, type Journal } from '../job/journal.js';
import { errorText } from '../log.js';

export interface LockedGuest {
  /** The configuration as it was before. */
  readonly config: GuestConfig;
  /** Takes the lock away, and leaves alone what others have changed meanwhile. @throws `GUEST_UNLOCK` */
  unlock(): Promise<void>;
}

/** Locks a guest's configuration, so that nobody changes the guest meanwhile. @throws `GUEST_LOCKED` */
export async function lockGuest(root: PveRoot, guest: Guest, journal: Journal): Promise<LockedGuest> {
  const { vmid, configPath } = guest;
  const config = await root.readConfig(guest);
  const lock = configValue(config, 'lock');
  if (lock !== undefined) {
    throw new ArchiveError('GUEST_LOCKED', `${nameOf(guest)} is locked (${printableName(lock)})`, {
      hint: `if nothing is at work on it: ${howToUnlock(guest, lock)}`,
    });
  }
  const locked = withValue(config, 'lock', BACKUP_LOCK);
  const unlockOnce = async () => {
    const now = await root.readConfig(guest);
    if (configValue(now, 'lock') !== BACKUP_LOCK) return;
    const unchanged = formatGuestConfig(now) === formatGuestConfig(locked);
    const unlocked = unchanged ? config : withoutKeys(now, (key) => key === 'lock');
    await root.writeConfig(vmid, unlocked, { overwrite: true });
  };
  /** Tries twice, for a lock that stays is left to an admin to find. */
  const unlock = () => unlockOnce().catch(unlockOnce);
  journal.add({ kind: 'locked', path: configPath });
  try {
    await root.writeConfig(vmid, locked, { overwrite: true });
  } catch (error) {
    await unlock().catch(() => {}); // it may be there nevertheless; the journal knows of it
    throw error;
  }
  return { config, unlock: () => unlock().catch((cause) => stillLocked(guest, cause)) };
}

/** Tells an admin, who alone can help, what to do. */
async function stillLocked(guest: Guest, cause: unknown): Promise<never> {
  const { vmid, configPath } = guest;
  const message = `${nameOf(guest)} ${vmid} is still locked (${BACKUP_LOCK}), since it could not be unlocked: ${errorText(cause)}`;
  const hint = `unlock it: ${howToUnlock(guest, BACKUP_LOCK)}`;
  throw new ArchiveError('GUEST_UNLOCK', message, { entry: configPath, hint, cause });
}

function nameOf({ type }: Guest): string {
  return type === 'qemu' ? 'VM' : 'CT';
}
