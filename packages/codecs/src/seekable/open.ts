import { ArchiveError, type ByteSource, debugLog } from '@vzdump-format/streams';
import type { SeekableOptions } from '../codec.js';
import { decodeIndex } from './index-file.js';
import { HINT_NEW_INDEX } from './not-seekable.js';
import { type SegmentDecoder, SegmentedSource, type SegmentedSourceOptions } from './segmented-source.js';
import { type Segment, SegmentList } from './segments.js';

const CACHE_BYTES = 64 * 1024 * 1024;

/** The segments that the index of the options tells of; undefined without one. */
export async function indexedSegments(
  source: ByteSource,
  codec: string,
  { index }: SeekableOptions,
): Promise<readonly Segment[] | undefined> {
  if (index === undefined) return undefined;
  const decoded = await decodeIndex(index, source);
  if (decoded.codec === codec) {
    debugLog('%s: seekable by an index of %d parts', codec, decoded.segments.length);
    return decoded.segments;
  }
  throw new ArchiveError('INDEX_STALE', `the index is of a ${decoded.codec} file, not of a ${codec} file`, {
    hint: HINT_NEW_INDEX,
  });
}

export function openSegments(
  source: ByteSource,
  segments: readonly Segment[],
  decode: SegmentDecoder,
  options: SeekableOptions,
  more: Omit<SegmentedSourceOptions, 'decode' | 'cacheBytes'> = {},
): ByteSource {
  return new SegmentedSource(source, new SegmentList(segments), {
    decode,
    cacheBytes: options.cacheBytes ?? CACHE_BYTES,
    ...more,
  });
}
