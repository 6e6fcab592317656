const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** A number of 32 bits for a path (FNV-1a), always the same. */
export function pathHash(path: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < path.length; at++) {
    hash = Math.imul(hash ^ path.charCodeAt(at), FNV_PRIME);
  }
  return hash >>> 0;
}
