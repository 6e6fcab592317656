import { BufferSource } from '@vzdump-format/streams';
import { badVmaBytes, verdicts } from '@vzdump-format/test-vectors';
import { chunked, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { EXTENT_HEADER_SIZE } from '../format.js';
import { legalArchives } from '../testing/vectors.js';
import { collectExtentHeaders, type LocatedHeader } from './extent-headers.js';
import { openVma } from './random-access.js';

async function headersOf(archive: Buffer, chunkSize: number): Promise<LocatedHeader[]> {
  const headersIn = collectExtentHeaders();
  const found: LocatedHeader[] = [];
  for await (const chunk of chunked(archive, chunkSize)) found.push(...headersIn(chunk));
  return found;
}

/** Where `openVma` reads extents' headers. */
async function readByOpening(archive: Buffer): Promise<number[]> {
  const offsets: number[] = [];
  const source = Object.assign(new BufferSource(archive), {
    readUnproven: async (buffer: Uint8Array, offset: number) => {
      offsets.push(offset);
      return archive.copy(buffer, 0, offset);
    },
  });
  await openVma(source);
  return offsets;
}

describe.each(legalArchives())('$name', ({ bytes }) => {
  test.each([97, 65_536, 1 << 30])('in chunks of %d has the headers that opening it reads', async (size) => {
    const headers = await headersOf(bytes, size);
    expect(headers.map(({ offset }) => offset)).toEqual(await readByOpening(bytes));
    for (const header of headers) {
      const expected = bytes.subarray(header.offset, header.offset + EXTENT_HEADER_SIZE);
      expect(expected.equals(header.bytes)).toBe(true);
    }
  });
});

test.each(verdicts())('$name gives what there is', async (entry) => {
  const bytes = badVmaBytes(entry);
  for (const { offset } of await headersOf(bytes, 4096)) {
    expect(offset + EXTENT_HEADER_SIZE).toBeLessThanOrEqual(bytes.length);
  }
});

test('what is no VMA archive gives nothing', async () => {
  expect(await headersOf(noise(100_000), 4096)).toEqual([]);
  expect(await headersOf(Buffer.alloc(100_000), 4096)).toEqual([]);
});
