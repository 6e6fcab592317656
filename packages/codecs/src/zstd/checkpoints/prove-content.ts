import { ArchiveError, type ByteSource, readChunks } from '@vzdump-format/streams';
import type { DecompressOptions } from '../../codec.js';
import { PieceChecksums, type Segment } from '../../seekable/segments.js';
import { decompressZstd } from '../decompress.js';

/**
 * Compares the content of segments, as it was found by their dictionaries, with what a decoder gives that
 * goes through the whole file.
 * @param segments all of the file
 * @throws `INDEX_WRONG`; what is wrong with the file
 */
export async function proveContent(
  source: ByteSource,
  segments: readonly Segment[],
  { engine, threads, signal, maxWindowLog }: DecompressOptions,
): Promise<void> {
  const stage = decompressZstd({ engine, threads, signal, maxWindowLog });
  const content = new ContentProof(segments);
  for await (const chunk of stage(readChunks(source, { signal }))) content.add(chunk);
  content.expectEnd();
}

class ContentProof {
  private readonly checksums = new PieceChecksums();
  private index = 0;
  /** Of the segment at hand. */
  private length = 0;

  constructor(private readonly segments: readonly Segment[]) {}

  add(content: Uint8Array): void {
    for (let at = 0; at < content.length; ) {
      const segment = this.segments[this.index];
      if (segment === undefined) throw wrong(this.segments.at(-1));
      const part = content.subarray(at, at + segment.contentSize - this.length);
      this.checksums.add(part);
      this.length += part.length;
      at += part.length;
      if (this.length === segment.contentSize) this.endSegment(segment);
    }
  }

  expectEnd(): void {
    if (this.index < this.segments.length) throw wrong(this.segments[this.index]);
  }

  private endSegment(segment: Segment): void {
    const sums = this.checksums.take();
    const { checksums = sums } = segment; // a whole frame proves itself
    if (sums.some((sum, piece) => sum !== checksums[piece])) throw wrong(segment);
    this.index++;
    this.length = 0;
  }
}

function wrong(segment: Segment | undefined): ArchiveError {
  return new ArchiveError('INDEX_WRONG', 'what was found by the index is not what the file holds', {
    offset: segment?.offset,
  });
}
