/** The input ended within what was being read. */
export class OutOfBits extends Error {}

/** Bits, most significant first, of bytes that come in chunks. */
export class BitReader {
  private bytes = new Uint8Array(0);
  private position = 0;
  /** Of the byte at `position`. */
  private bitsUsed = 0;
  private dropped = 0;

  /** Bytes that are left, the one begun with them. */
  get available(): number {
    return this.bytes.length - this.position;
  }

  /** How many bytes were read, the one begun with them. */
  get offset(): number {
    return this.dropped + this.position + (this.bitsUsed > 0 ? 1 : 0);
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const rest = this.bytes.subarray(this.position);
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    this.dropped += this.position;
    this.bytes = joined;
    this.position = 0;
  }

  /** @param count up to 32; null goes on to the next byte. @throws OutOfBits */
  readonly read = (count: number | null): number => {
    if (count === null) {
      if (this.bitsUsed > 0) this.position++;
      this.bitsUsed = 0;
      return 0;
    }
    let value = 0;
    for (let left = count; left > 0; ) {
      if (this.position >= this.bytes.length) throw new OutOfBits();
      const here = Math.min(left, 8 - this.bitsUsed);
      const bits = (this.bytes[this.position]! >> (8 - this.bitsUsed - here)) & ((1 << here) - 1);
      value = (value << here) | bits;
      left -= here;
      this.bitsUsed += here;
      if (this.bitsUsed < 8) continue;
      this.bitsUsed = 0;
      this.position++;
    }
    return value;
  };

  /** What follows, without reading it. Stands at a byte boundary. */
  peek(length: number): Uint8Array {
    return this.bytes.subarray(this.position, this.position + length);
  }

  /** @returns what goes back to here, as long as nothing is added. */
  mark(): () => void {
    const { position, bitsUsed } = this;
    return () => {
      this.position = position;
      this.bitsUsed = bitsUsed;
    };
  }
}
