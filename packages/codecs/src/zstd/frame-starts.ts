/**
 * Where frames of a seekable zstd stream have to begin: positions in the uncompressed stream, told by whoever
 * makes the stream before it passes on the bytes there. Positions and not chunks, since a stage in between
 * (a throttle) may cut chunks anew.
 *
 * What comes to lie in one frame then depends only on what is in it: the same content between two starts gives
 * the same bytes, whatever comes before, so that a changed image leaves most of its archive as it was.
 */
export class FrameStarts {
  private readonly positions: number[] = [];
  private last = -1;

  /** @param position above the one before. @throws RangeError */
  add(position: number): void {
    if (!(Number.isSafeInteger(position) && position > this.last)) {
      throw new RangeError(`frame starts must ascend: ${position} after ${this.last}`);
    }
    this.last = position;
    this.positions.push(position);
  }

  /** The next start behind `position`, which is forgotten, as all before it; undefined when none is known. */
  after(position: number): number | undefined {
    while (this.positions[0] !== undefined && this.positions[0] <= position) this.positions.shift();
    return this.positions[0];
  }
}

/** Clusters (64 KiB) of a disk that share a frame as long as next to nothing is stored of them: 29.5 MiB. */
const GROUP_CLUSTERS = 8 * 59;
/** An extent that stores more has a frame of its own. */
const LARGE_EXTENT = 256 * 1024;

/** What a VMA extent is, as far as frames go. */
export interface ExtentShape {
  /** Its bytes in the archive, header and all. */
  readonly size: number;
  /** The number of its first cluster on its drive. */
  readonly firstCluster: number;
  /** How many clusters it describes, zeros included. */
  readonly clusters: number;
}

/**
 * Whether a frame begins at this VMA extent: it does at a large one, and at the first of each group of
 * clusters. That depends on the extent alone. Those it does not hold for follow in the frame before.
 */
export function frameBeginsAt({ size, firstCluster, clusters }: ExtentShape): boolean {
  return size > LARGE_EXTENT || firstCluster % GROUP_CLUSTERS < clusters;
}
