import { copyTo, type SharedMemory, sharedMemory } from '../../shared-memory.js';

/** Room in front of the content, for the head of a dictionary. */
const HEAD_ROOM = 4096;

/**
 * The last window of a frame's content, in one piece: what is decompressed next goes behind it, so that the
 * library takes what it refers to from there, and nothing is copied but once in a while.
 */
export class FrameHistory {
  private memory: SharedMemory = sharedMemory(0);
  private end = HEAD_ROOM;
  private windowSize = 0;

  beginFrame(windowSize: number): void {
    this.windowSize = windowSize;
    this.end = HEAD_ROOM;
  }

  /** The last of the content, up to a window; valid until more is reserved. */
  get window(): SharedMemory {
    return this.memory.subarray(this.end - this.kept, this.end);
  }

  /** The window as a dictionary. @param head put into the memory before it, where older content was */
  dictionary(head: Uint8Array): SharedMemory {
    const start = this.end - this.kept - head.length;
    copyTo(this.memory, head, start);
    return this.memory.subarray(start, this.end);
  }

  /** Memory behind the content, for more of it. */
  reserve(size: number): SharedMemory {
    if (this.end + size > this.memory.length) this.makeRoom(size);
    return this.memory.subarray(this.end, this.end + size);
  }

  /** What was reserved has been filled. */
  append(size: number): void {
    this.end += size;
  }

  private get kept(): number {
    return Math.min(this.windowSize, this.end - HEAD_ROOM);
  }

  private makeRoom(size: number): void {
    const { kept, window } = this;
    const least = HEAD_ROOM + kept + size;
    if (least > this.memory.length) {
      const most = least + Math.max(size, Math.floor(this.windowSize / 4));
      const memory = sharedMemory(Math.max(least, Math.min(most, this.memory.length * 2)));
      copyTo(memory, window, HEAD_ROOM);
      this.memory = memory;
    } else {
      this.memory.copyWithin(HEAD_ROOM, this.end - kept, this.end);
    }
    this.end = HEAD_ROOM + kept;
  }
}
