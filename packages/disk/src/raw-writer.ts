import type { FileHandle } from 'node:fs/promises';
import type { WriteAt } from '@vzdump-format/streams';
import type { ImageWriter } from './image-writer.js';

/** A raw image in a new file of the disk's size: what is not written is a hole. */
export class RawWriter implements ImageWriter {
  readonly writesZeros = false;

  constructor(
    private readonly handle: FileHandle,
    private readonly writeAt: WriteAt,
  ) {}

  write(data: Uint8Array, offset: number): Promise<void> {
    return this.writeAt(this.handle, data, offset);
  }

  async zero(): Promise<void> {}

  async finish(): Promise<void> {}

  async close(): Promise<void> {}
}
