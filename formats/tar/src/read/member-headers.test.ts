import { BufferSource, type ByteSource } from '@vzdump-format/streams';
import { chunked, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { readableArchives } from '../testing/archives.js';
import { CRAFTED } from '../testing/crafted.js';
import { describeEntries } from '../testing/entries.js';
import { collectMemberHeaders, type LocatedHeaders } from './member-headers.js';
import { openTar } from './random-access.js';

async function headersOf(archive: Uint8Array, chunkSize: number): Promise<LocatedHeaders[]> {
  const headersIn = collectMemberHeaders();
  const found: LocatedHeaders[] = [];
  for await (const chunk of chunked(archive, chunkSize)) {
    const passing = Buffer.from(chunk);
    found.push(...(await headersIn(passing)));
    passing.fill(0xff); // it is ours again
  }
  return found;
}

/** An archive whose headers are at hand. Counts what is read of all else. */
class HeadersAtHand extends BufferSource implements ByteSource {
  bytesRead = 0;

  constructor(
    archive: Uint8Array,
    private readonly headers: readonly LocatedHeaders[],
  ) {
    super(archive);
  }

  override read(buffer: Uint8Array, offset: number): Promise<number> {
    this.bytesRead += buffer.length;
    return super.read(buffer, offset);
  }

  async readAtHand(buffer: Uint8Array, offset: number): Promise<number> {
    const range = this.headers.findLast((each) => each.offset <= offset);
    const bytes = range?.bytes.subarray(offset - range.offset).subarray(0, buffer.length);
    buffer.set(bytes ?? new Uint8Array(0));
    return bytes?.length ?? 0;
  }
}

describe.each(readableArchives())('$name', ({ name, bytes }) => {
  test.each([97, 4096, 1 << 30])('in chunks of %d has the headers that opening it reads', async (size) => {
    const source = new HeadersAtHand(bytes, await headersOf(bytes, size));
    const opened = await openTar(source);
    if (name !== 'zero-block-at-end') expect(source.bytesRead).toBe(0); // half a mark is none while it passes
    const expected = await openTar(new BufferSource(bytes));
    expect(opened.count).toBe(expected.count);
    expect(await describeEntries(opened.entries())).toEqual(await describeEntries(expected.entries()));
  });
});

test.each(CRAFTED)('$name gives what there is', async ({ bytes }) => {
  const headers = await headersOf(bytes, 1000);
  for (const { offset, bytes: found } of headers) {
    expect(bytes.subarray(offset, offset + found.length).equals(found)).toBe(true);
  }
  const outcome = (source: ByteSource) =>
    openTar(source).then(
      ({ count }) => count,
      ({ code }: { readonly code: string }) => code,
    );
  expect(await outcome(new HeadersAtHand(bytes, headers))).toBe(await outcome(new BufferSource(bytes)));
});

test('what is no tar archive gives nothing', async () => {
  expect(await headersOf(noise(100_000), 4096)).toEqual([]);
  expect(await headersOf(Buffer.alloc(0), 4096)).toEqual([]);
});
