/**
 * Told where in a stream it is best divided, as an offset from its beginning, before the bytes there are
 * passed on: where what follows does not depend on what came before, so that a change in the one leaves the
 * other.
 */
export type OnBoundary = (offset: number) => void;

/**
 * Where a stream is best divided: a packer adds offsets as it comes to them (see `OnBoundary`), and a codec
 * that compresses in parts may begin one at each. They are offsets and not chunks, since a stage in between
 * (a throttle) may cut chunks anew.
 *
 * What comes to lie in one part then depends only on what is in it: the same content between two boundaries
 * gives the same bytes, whatever comes before, so that a changed image leaves most of its archive as it was.
 */
export class Boundaries {
  private readonly offsets: number[] = [];
  private last = -1;

  /** @param offset above the one before. @throws RangeError */
  add(offset: number): void {
    if (!(Number.isSafeInteger(offset) && offset > this.last)) {
      throw new RangeError(`boundaries must ascend: ${offset} after ${this.last}`);
    }
    this.last = offset;
    this.offsets.push(offset);
  }

  /** The next one behind `offset`, which is forgotten, as all before it; undefined when none is known. */
  after(offset: number): number | undefined {
    while (this.offsets[0] !== undefined && this.offsets[0] <= offset) this.offsets.shift();
    return this.offsets[0];
  }
}
