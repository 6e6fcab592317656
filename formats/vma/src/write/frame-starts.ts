import { EXTENT_HEADER_SIZE } from '../format.js';

/** Clusters of a drive whose extents share a frame as long as next to nothing is stored of them: 29 MiB. */
const GROUP_CLUSTERS = 8 * 58;
/** An extent that stores more has a frame of its own. */
const LARGE_EXTENT = 256 * 1024;

/** An extent, as far as the frames of a codec go. */
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
 * Told where in the archive a seekable codec should begin a frame, before the bytes there are passed on, so
 * that a change in an image changes the frames it lies in and no others.
 */
export type OnFrameStart = (offset: number) => void;

/**
 * Whether a frame begins at this extent: it does at a large one, and at the first of each group of clusters.
 * The rule looks at nothing but the extent, so what comes before cannot shift the frames. Other extents
 * follow in the frame before.
 */
export function frameBeginsAt({ stored, firstCluster, clusters }: ExtentShape): boolean {
  return stored + EXTENT_HEADER_SIZE > LARGE_EXTENT || firstCluster % GROUP_CLUSTERS < clusters;
}
