import { EXTENT_HEADER_SIZE } from '../format.js';

/** Clusters of a drive whose extents stay together as long as next to nothing is stored of them: 29 MiB. */
const GROUP_CLUSTERS = 8 * 58;
/** An extent that stores more stands by itself. */
const LARGE_EXTENT = 256 * 1024;

/** An extent, as far as boundaries go. */
export interface ExtentShape {
  /** Where it begins in the archive. */
  readonly offset: number;
  /** Bytes stored, without its header. */
  readonly stored: number;
  /** The number of its first cluster on its drive. */
  readonly firstCluster: number;
  /** How many clusters it describes, zeros included. */
  readonly clusters: number;
}

/**
 * Whether the archive is best divided before this extent: before a large one, and before the first of each
 * group of clusters. The rule looks at nothing but the extent, so what comes before cannot shift the
 * boundaries.
 */
export function beginsAtBoundary({ stored, firstCluster, clusters }: ExtentShape): boolean {
  return stored + EXTENT_HEADER_SIZE > LARGE_EXTENT || firstCluster % GROUP_CLUSTERS < clusters;
}
