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
