import { withoutKeys } from './edit-guest-config.js';
import { flattenedLxcConfig } from './flattened-lxc-config.js';
import { formatGuestConfig, type GuestConfig } from './guest-config.js';

/** The names under which an archive keeps a container's configuration, and its firewall's. */
export const LXC_CONFIG_NAME = './etc/vzdump/pct.conf';
export const LXC_FIREWALL_NAME = './etc/vzdump/pct.fw';

const LEFT_OUT: ReadonlySet<string> = new Set(['lock', 'parent']);

/**
 * The configuration that goes into a container's archive: flattened, without the lock and the snapshot it
 * stems from.
 */
export function lxcArchiveConfig(config: GuestConfig): string {
  return formatGuestConfig(withoutKeys(flattenedLxcConfig(config), (key) => LEFT_OUT.has(key)));
}
