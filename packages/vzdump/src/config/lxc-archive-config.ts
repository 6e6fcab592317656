import { currentOnly, withoutKeys } from './edit-guest-config.js';
import { formatGuestConfig, type GuestConfig } from './guest-config.js';

/** The names under which an archive keeps a container's configuration, and its firewall's. */
export const LXC_CONFIG_NAME = './etc/vzdump/pct.conf';
export const LXC_FIREWALL_NAME = './etc/vzdump/pct.fw';

const LEFT_OUT: ReadonlySet<string> = new Set(['lock', 'parent']);

/**
 * The configuration that goes into a container's archive: the current section as it stands, without the lock and the
 * snapshot it stems from; snapshots and pending changes stay behind.
 */
export function lxcArchiveConfig(config: GuestConfig): string {
  return formatGuestConfig(withoutKeys(currentOnly(config), (key) => LEFT_OUT.has(key)));
}
