import { BITS_LEFT, fromBit } from './deflate-blocks.js';
import { WINDOW_SIZE } from './format.js';

const { constants, deflateRawSync, inflateRawSync } = process.getBuiltinModule('node:zlib');

/** What comes of the bytes that a step through the data takes in is at most two windows. */
const MOST_CONTENT = 4 * WINDOW_SIZE;

/**
 * Which of the 32 KiB before a place are needed to begin there. Nothing refers further back than that, so
 * what needs them lies within the next 32 KiB; what refers to these in turn has them.
 *
 * These 32 KiB are decompressed twice more, each time with other bytes before the place. A byte that then
 * differs from the content comes from there, and the differences tell where from: one is the lower seven bits
 * of the place, plus one, and the other is its upper eight bits.
 *
 * Measured: an index takes 0.49 MiB for a GiB instead of 4.3, and building one takes a twentieth more time.
 * To measure again, let `neededBy` return the window, and build an index of any large file.
 */
export class NeededWindow {
  private readonly compressed: Uint8Array[] = [];
  private readonly content: Uint8Array[] = [];
  private contentSize = 0;

  /**
   * @param window up to 32 KiB that come before
   * @param state of the segment: how many bits of the first byte are its own
   * @param first this byte, where there are any
   */
  constructor(
    private readonly window: Uint8Array,
    private readonly state: number,
    first: Uint8Array,
  ) {
    this.compressed.push(Uint8Array.from(first));
  }

  get isKnown(): boolean {
    return this.contentSize >= WINDOW_SIZE;
  }

  /** What comes next; no more once all is known. */
  add(compressed: Uint8Array, content: Uint8Array): void {
    this.compressed.push(Uint8Array.from(compressed));
    this.content.push(Uint8Array.from(content));
    this.contentSize += content.length;
  }

  /** The window, deflated, with zeros for what is not needed; undefined if nothing is. */
  dictionary(): Uint8Array | undefined {
    const content = Buffer.concat(this.content).subarray(0, WINDOW_SIZE);
    const needed = this.neededBy(content);
    return needed && deflateRawSync(needed);
  }

  private neededBy(content: Buffer): Uint8Array | undefined {
    const { window } = this;
    const low = this.inflated(window.map((byte, at) => byte ^ ((at & 127) + 1)));
    const high = this.inflated(window.map((byte, at) => byte ^ (at >> 7)));
    const needed = new Uint8Array(window.length);
    let isAny = false; // zeros are referred to as well
    for (const [at, byte] of content.entries()) {
      const bits = low[at]! ^ byte;
      if (bits === 0) continue;
      isAny = true;
      const place = ((high[at]! ^ byte) << 7) | (bits - 1);
      needed[place] = window[place]!;
    }
    if (!isAny) return undefined;
    return content.equals(this.inflated(needed).subarray(0, content.length)) ? needed : window;
  }

  private inflated(dictionary: Uint8Array): Uint8Array {
    const data = Buffer.concat(this.compressed);
    const bitsLeft = this.state & BITS_LEFT;
    return inflateRawSync(bitsLeft === 0 ? data : fromBit(data, bitsLeft), {
      dictionary,
      finishFlush: constants.Z_SYNC_FLUSH, // it ends in the middle of the data
      maxOutputLength: MOST_CONTENT,
    });
  }
}
