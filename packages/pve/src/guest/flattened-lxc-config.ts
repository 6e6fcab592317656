import { guestDescription, withDescription } from './description.js';
import { configValues, type GuestConfig, parseGuestConfig, rawLxcLines } from './guest-config.js';

/**
 * A container's current configuration as Proxmox VE itself writes it down: the description, each key once,
 * sorted, and then the lines for LXC. Blank lines, what is not understood, snapshots and pending changes are
 * not in it.
 */
export function flattenedLxcConfig(config: GuestConfig): GuestConfig {
  const values = [...configValues(config)].filter(([key]) => key !== 'description').sort(byKey);
  const lines = [...values, ...rawLxcLines(config)].map(([key, value]) => `${key}: ${value}\n`);
  return withDescription(parseGuestConfig(lines.join(''), 'lxc'), guestDescription(config) ?? '');
}

function byKey([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}
