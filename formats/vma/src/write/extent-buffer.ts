import { CLUSTER_SIZE, CLUSTERS_PER_WRITTEN_EXTENT, EXTENT_HEADER_SIZE } from '../format.js';

const EXTENT_BUFFER_SIZE = EXTENT_HEADER_SIZE + CLUSTERS_PER_WRITTEN_EXTENT * CLUSTER_SIZE;

/** Room for the largest extent that is written. */
export function newExtentBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(EXTENT_BUFFER_SIZE);
}
