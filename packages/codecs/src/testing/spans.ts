import { BufferSource } from '@vzdump-format/streams';
import { expect } from 'vitest';
import type { Codec, IndexOptions } from '../codec.js';
import { SeekIndex } from '../seekable/index-file.js';
import { zstd } from '../zstd/zstd.js';
import { indexSource } from './index-files.js';

/** Makes an index of a file, and reads each part by itself, from the last to the first. @returns them */
export async function expectAllSpans(
  file: Uint8Array,
  expected: Buffer,
  options: IndexOptions = {},
  codec: Codec = zstd,
): Promise<SeekIndex['segments']> {
  const source = new BufferSource(file);
  const index = await indexSource(codec.buildIndex(source, options));
  const { segments } = await SeekIndex.open(index, source);
  const opened = await codec.openSeekable(source, { ...options, index, cacheBytes: 0 });
  expect(opened.size).toBe(expected.length);
  let end = expected.length;
  for (const { contentSize } of segments.toReversed()) {
    const start = end - contentSize;
    const buffer = Buffer.alloc(contentSize);
    await opened.read(buffer, start);
    expect(buffer.equals(expected.subarray(start, end)), `${start} to ${end}`).toBe(true);
    end = start;
  }
  await opened.close();
  return segments;
}
