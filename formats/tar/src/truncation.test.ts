import { BufferSource } from '@vzdump-format/streams';
import { chunked } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { openTar } from './read/random-access.js';
import { unpackTar, verifyTar } from './read/unpack.js';
import { goldenArchive } from './testing/archives.js';

const BLOCK = 512;

/** Where the first of the two blocks of zeros stands. */
function endOfMembers(bytes: Buffer): number {
  let end = bytes.length;
  while (bytes.subarray(end - BLOCK, end).every((byte) => byte === 0)) end -= BLOCK;
  return end;
}

const NAMES = ['gnu-gnu', 'gnu-sparse-old', 'gnu-sparse-1.0', 'vzdump-attributes', 'bsd-pax'];

describe.each(NAMES)('%s', (name) => {
  const bytes = goldenArchive(name);
  const end = endOfMembers(bytes);
  // Inside of a long content every cut is like the next.
  const boundaries: number[] = [];
  for (let at = 0; at <= end; at += at > 40 * BLOCK && at < end - 10 * BLOCK ? 17 * BLOCK : BLOCK)
    boundaries.push(at);
  const cuts = boundaries.flatMap((at) => [at - 1, at, at + 1]).filter((at) => at >= 0);

  test('cut off before its end, it is refused at the very byte', async () => {
    for (const cut of cuts) {
      const error: unknown = await verifyTar(chunked(bytes.subarray(0, cut), 4096)).catch(
        (reason: unknown) => reason,
      );
      expect(error, `cut at ${cut}`).toMatchObject({ code: 'TAR_TRUNCATED', offset: cut });
    }
  });

  test('the same at random', async () => {
    for (const cut of cuts) {
      const opening = openTar(new BufferSource(bytes.subarray(0, cut)));
      await expect(opening, `cut at ${cut}`).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
    }
  });

  test('cut off inside the mark of its end, it is whole, or refused', async () => {
    const warnings: string[] = [];
    const onWarning = ({ code }: { code: string }) => warnings.push(code);
    await verifyTar(chunked(bytes.subarray(0, end + BLOCK), 4096), { onWarning });
    expect(warnings).toEqual(['TAR_END']);
    for (const cut of [end + BLOCK + 1, end + 2 * BLOCK - 1]) {
      await expect(verifyTar(chunked(bytes.subarray(0, cut), 4096))).rejects.toMatchObject({
        code: 'TAR_TRUNCATED',
      });
    }
    for (const cut of [end + 2 * BLOCK, end + 2 * BLOCK + 1, bytes.length - 1]) {
      if (cut >= end + 2 * BLOCK && cut <= bytes.length)
        await verifyTar(chunked(bytes.subarray(0, cut), 4096));
    }
  });
});

test('truncation inside of a long content comes out of the content', async () => {
  const bytes = goldenArchive('gnu-gnu');
  const cut = bytes.indexOf('./large') + 100 * 1024;
  for await (const { path, content } of unpackTar(chunked(bytes.subarray(0, cut), 4096))) {
    if (path !== 'large' || content === undefined || content instanceof Uint8Array) continue;
    const reading = (async () => {
      for await (const _ of content);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'TAR_TRUNCATED', entry: 'large', offset: cut });
    return;
  }
  expect.unreachable();
});
