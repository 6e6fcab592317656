import { printableName } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import { withoutKeys, withValue } from '../config/edit-guest-config.js';
import { configValue, formatGuestConfig, type GuestConfig } from '../config/guest-config.js';
import type { Guest, PveRoot } from '../config/pve-root.js';
import type { Journal } from './journal.js';

/** The value of `lock` in the configuration of a guest that is being backed up. */
export const BACKUP_LOCK = 'backup';

export interface LockedGuest {
  /** As it was before. */
  readonly config: GuestConfig;
  /** Takes the lock away, and leaves alone what others have changed meanwhile. */
  unlock(): Promise<void>;
}

/** Locks a guest's configuration, so that nobody changes the guest meanwhile. @throws `GUEST_LOCKED` */
export async function lockGuest(root: PveRoot, guest: Guest, journal: Journal): Promise<LockedGuest> {
  const { vmid, type, configPath } = guest;
  const config = await root.readConfig(guest);
  const lock = configValue(config, 'lock');
  if (lock !== undefined) {
    const what = type === 'qemu' ? 'VM' : 'CT';
    throw new ArchiveError('GUEST_LOCKED', `${what} is locked (${printableName(lock)})`, {
      hint: `if nothing is at work on it: ${type === 'qemu' ? 'qm' : 'pct'} unlock ${vmid}`,
    });
  }
  const locked = withValue(config, 'lock', BACKUP_LOCK);
  journal.add({ kind: 'locked', path: configPath });
  await root.writeConfig(vmid, locked, { overwrite: true });
  const unlock = async () => {
    const now = await root.readConfig(guest);
    if (configValue(now, 'lock') !== BACKUP_LOCK) return;
    const unchanged = formatGuestConfig(now) === formatGuestConfig(locked);
    const unlocked = unchanged ? config : withoutKeys(now, (key) => key === 'lock');
    await root.writeConfig(vmid, unlocked, { overwrite: true });
  };
  return { config, unlock };
}
