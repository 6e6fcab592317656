import { damaged } from './bits.js';

/** The content of a frame so far, of which the last window is kept. */
export class History {
  /** Of the content so far. */
  length = 0;
  private bytes = new Uint8Array(0);
  /** How much of the content is gone. */
  private gone = 0;

  constructor(private readonly windowSize: number) {}

  /**
   * Makes room for so much, which may then be appended. Memory grows with the content, to one and a half
   * windows: so what is kept is moved to the beginning once in half a window.
   */
  reserve(count: number): void {
    const end = this.length - this.gone;
    if (end + count <= this.bytes.length) return;
    const kept = Math.min(end, this.windowSize);
    const most = Math.floor(this.windowSize * 1.5) + count;
    const size = Math.min(most, Math.max(kept + count, this.bytes.length * 2));
    const target = this.bytes.length < most ? new Uint8Array(size) : this.bytes;
    target.set(this.bytes.subarray(end - kept, end));
    this.bytes = target;
    this.gone = this.length - kept;
  }

  append(source: Uint8Array, start: number, end: number): void {
    this.bytes.set(source.subarray(start, end), this.add(end - start));
  }

  run(byte: number, count: number): void {
    const at = this.add(count);
    this.bytes.fill(byte, at, at + count);
  }

  /**
   * Appends so much of what stands `offset` before the end, which may be what is appended.
   * @throws LibraryError
   */
  repeat(offset: number, count: number): void {
    if (offset < 1 || offset > Math.min(this.length, this.windowSize))
      throw damaged('an offset leads nowhere');
    const at = this.add(count);
    const { bytes } = this;
    if (offset >= count && count > 16) bytes.copyWithin(at, at - offset, at - offset + count);
    else for (let index = at; index < at + count; index++) bytes[index] = bytes[index - offset]!;
  }

  /** What was appended since the content had this length; valid until more is. */
  since(length: number): Uint8Array {
    return this.bytes.subarray(length - this.gone, this.length - this.gone);
  }

  /** @returns where in memory the addition begins */
  private add(count: number): number {
    const at = this.length - this.gone;
    this.length += count;
    return at;
  }
}
