/**
 * Where frames of a seekable zstd stream have to begin: positions in the uncompressed stream, told by whoever
 * makes the stream before it passes on the bytes there. Positions and not chunks, since a stage in between
 * (a throttle) may cut chunks anew.
 *
 * What comes to lie in one frame then depends only on what is in it: the same content between two starts
 * gives the same bytes, whatever comes before, so that a changed image leaves most of its archive as it was.
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
