/** Whether there are only zeros. Each byte is compared with the one before it, at the speed of memory. */
export function allZero(bytes: Uint8Array): boolean {
  return (
    bytes.length === 0 || (bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0)
  );
}

/** A frame of zeros, kept: most of many disks is zeros, and so many of them always make the same frame. */
export class ZeroFrame {
  private kept: { readonly frame: Buffer; readonly length: number } | undefined;

  keep(frame: Uint8Array, length: number): void {
    this.kept = { frame: Buffer.from(frame), length };
  }

  /** The frame for so many zeros, if it is the one that is kept. */
  frameOf(length: number): Uint8Array | undefined {
    return this.kept?.length === length ? this.kept.frame : undefined;
  }

  /** How many zeros are in the frame, if it is the one that is kept. */
  lengthOf(frame: Uint8Array): number | undefined {
    return this.kept?.frame.equals(frame) ? this.kept.length : undefined;
  }
}

/** Small enough to stay in the processor's cache, however often it is given out. */
const ZEROS = new Uint8Array(256 * 1024);

/** So many zeros, in chunks for whoever asked: the same few again and again when they reuse buffers. */
export function* zeroChunks(length: number, reuseBuffers: boolean | undefined): Generator<Uint8Array> {
  if (!reuseBuffers) yield new Uint8Array(length);
  else for (let at = 0; at < length; at += ZEROS.length) yield ZEROS.subarray(0, length - at);
}
