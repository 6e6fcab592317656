import type { IdMap } from './id-map.js';

/** The extended attribute in which the kernel keeps what a program may do beyond its user's rights. */
export const CAPABILITIES = 'security.capability';

// Its value, little-endian (<linux/capability.h>): a u32 with the revision in its top byte and flags below;
// two pairs of u32, permitted and inheritable; in revision 3 the u32 user id of the superuser in whose eyes
// they count.
const REVISION_AT = 3;
const REVISION_2 = 2;
const REVISION_3 = 3;
const SIZE_2 = 20;
const SIZE_3 = 24;

/**
 * A file's capabilities as they are seen from within a container: what belongs to the container's superuser,
 * or to one above, needs no mention of whose they are (`cap_inode_getsecurity` in the kernel).
 *
 * @param value as the host has it
 * @returns `undefined` where the container would see none, and for what is no such value
 */
export function capabilitiesInGuest(value: Uint8Array, map: IdMap): Uint8Array | undefined {
  const root = rootOf(value);
  if (root === undefined) return undefined;
  const guestRoot = map.toGuest('user', root);
  if (guestRoot !== undefined && guestRoot !== 0) return withRoot(value, guestRoot);
  return guestRoot === 0 || root === 0 ? withRoot(value, undefined) : undefined;
}

/**
 * A file's capabilities as the host has to keep them for a container: with the id of the superuser who may
 * grant them (`cap_convert_nscap` in the kernel).
 *
 * @param value as the container has it
 * @returns `undefined` when that superuser has no place in the map, and for what is no such value
 */
export function capabilitiesOnHost(value: Uint8Array, map: IdMap): Uint8Array | undefined {
  const root = rootOf(value);
  const hostRoot = root === undefined ? undefined : map.toHost('user', root);
  return hostRoot === undefined ? undefined : withRoot(value, hostRoot);
}

/**
 * The superuser whose they are; `undefined` for a revision that the kernel no longer takes, and for no
 * revision at all.
 */
function rootOf(value: Uint8Array): number | undefined {
  const revision = value[REVISION_AT];
  if (revision === REVISION_2 && value.length === SIZE_2) return 0;
  if (revision !== REVISION_3 || value.length !== SIZE_3) return undefined;
  return new DataView(value.buffer, value.byteOffset).getUint32(SIZE_2, true);
}

/** In revision 3, or in revision 2 without `root`. */
function withRoot(value: Uint8Array, root: number | undefined): Uint8Array {
  const result = Buffer.alloc(root === undefined ? SIZE_2 : SIZE_3);
  result.set(value.subarray(0, SIZE_2));
  result[REVISION_AT] = root === undefined ? REVISION_2 : REVISION_3;
  if (root !== undefined) result.writeUInt32LE(root, SIZE_2);
  return result;
}
