import type { IdentitySource } from '../restored/identity.js';

/** `mac-1`, `mac-2`, …; `uuid-1`, `uuid-2`, … */
export function countingIdentity(): IdentitySource {
  let macs = 0;
  let uuids = 0;
  return { mac: () => `mac-${++macs}`, uuid: () => `uuid-${++uuids}` };
}
