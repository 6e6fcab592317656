import { CLUSTER_SIZE, CLUSTERS_PER_WRITTEN_EXTENT, EXTENT_HEADER_SIZE } from '../format.js';

const EXTENT_BUFFER_SIZE = EXTENT_HEADER_SIZE + CLUSTERS_PER_WRITTEN_EXTENT * CLUSTER_SIZE;

/**
 * Extents up to this size are copied out of their buffer before they are given away: a chunk of 512 bytes
 * that waits in a queue would keep 3.7 MiB alive.
 */
export const LARGEST_COPIED_EXTENT = EXTENT_BUFFER_SIZE / 2;

/** Room for the largest extent that is written. */
export function newExtentBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(EXTENT_BUFFER_SIZE);
}
