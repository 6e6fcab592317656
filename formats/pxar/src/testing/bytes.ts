import type { ByteSource } from '@vzdump-format/streams';

export async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Bytes at rest that count how many of them were asked for. */
export class CountingSource implements ByteSource {
  readonly size: number;
  bytesRead = 0;
  reads = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.size = bytes.length;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const part = this.bytes.subarray(offset, offset + buffer.length);
    buffer.set(part);
    this.bytesRead += buffer.length;
    this.reads++;
    return part.length;
  }

  async close(): Promise<void> {}
}
