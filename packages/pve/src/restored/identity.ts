/** Where a restored guest's new identity comes from. */
export interface IdentitySource {
  mac(): string;
  uuid(): string;
}

/** Proxmox's own, which it gives guests since 8.1 unless datacenter.cfg has a `mac_prefix`. */
export const DEFAULT_MAC_PREFIX = 'BC:24:11';

/** @param macPrefix up to five octets, as `BC:24:11`. */
export function randomIdentity(macPrefix = DEFAULT_MAC_PREFIX): IdentitySource {
  const prefix = macPrefix
    .toUpperCase()
    .split(':')
    .filter((octet) => octet !== '');
  return {
    mac: () => [...prefix, ...randomOctets(6 - prefix.length)].join(':'),
    uuid: () => process.getBuiltinModule('node:crypto').randomUUID(),
  };
}

function randomOctets(count: number): readonly string[] {
  return [...process.getBuiltinModule('node:crypto').randomBytes(count)].map((octet) =>
    octet.toString(16).toUpperCase().padStart(2, '0'),
  );
}
