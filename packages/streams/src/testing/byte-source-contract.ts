import { describe, expect, test } from 'vitest';
import { type ByteSource, readFully } from '../source/byte-source.js';

/** What a ByteSource is opened from, and what it has to hold then. */
export interface ByteSourceCase {
  readonly content: Uint8Array;
  /** Each test opens one, and closes it. */
  open(): Promise<ByteSource>;
}

/** What every ByteSource promises. @param setUp called within a test, so that it may make files for it */
export function testByteSource(name: string, setUp: () => ByteSourceCase | Promise<ByteSourceCase>): void {
  const withSource = async (use: (source: ByteSource, content: Buffer) => Promise<void>) => {
    const { content, open } = await setUp();
    const source = await open();
    try {
      await use(source, Buffer.from(content));
    } finally {
      await source.close();
    }
  };

  describe(`${name} is a ByteSource`, () => {
    test('reads at any offset, less only at the end, and writes nothing behind what it read', () =>
      withSource(async (source, content) => {
        expect(source.size).toBe(content.length);
        for (const [offset, length] of placesIn(content.length)) {
          const buffer = Buffer.alloc(length + 1, 0xaa);
          const expected = content.subarray(offset, offset + length);
          const where = `${length} bytes at ${offset}`;
          expect(await source.read(buffer.subarray(0, length), offset), where).toBe(expected.length);
          expect(buffer.subarray(0, expected.length).equals(expected), where).toBe(true);
          expect(
            buffer.subarray(expected.length).every((byte) => byte === 0xaa),
            where,
          ).toBe(true);
        }
      }));

    test('reads at once do not disturb each other', () =>
      withSource(async (source, content) => {
        const reads = placesIn(content.length).map(async ([offset, length]) => {
          const buffer = Buffer.alloc(length);
          const got = await source.read(buffer, offset);
          return buffer.subarray(0, got).equals(content.subarray(offset, offset + length));
        });
        expect(await Promise.all(reads)).toEqual(reads.map(() => true));
      }));

    test('readFully fills the buffer, or tells where the source ends', () =>
      withSource(async (source, content) => {
        const buffer = Buffer.alloc(Math.min(100, content.length));
        await readFully(source, buffer, content.length - buffer.length);
        expect(buffer.equals(content.subarray(content.length - buffer.length))).toBe(true);
        await expect(readFully(source, Buffer.alloc(100), content.length - 50)).rejects.toMatchObject({
          code: 'UNEXPECTED_END',
          offset: content.length,
          message: `ends 50 bytes too early (at byte ${content.length})`,
        });
      }));

    test('tells its data from its holes, which are zeros, if it tells them', () =>
      withSource(async (source, content) => {
        if (source.nextData === undefined) return;
        let at = 0;
        for (;;) {
          const range = await source.nextData(at);
          const hole = content.subarray(at, range?.start ?? content.length);
          expect(
            hole.every((byte) => byte === 0),
            `a hole from ${at} on`,
          ).toBe(true);
          if (range === undefined) break;
          expect(range.start).toBeGreaterThanOrEqual(at);
          expect(range.end).toBeGreaterThan(range.start);
          expect(range.end).toBeLessThanOrEqual(content.length);
          at = range.end;
        }
        expect(await source.nextData(content.length)).toBeUndefined();
      }));

    test('has not changed', () =>
      withSource(async (source) => {
        expect((await source.changed?.()) ?? false).toBe(false);
      }));
  });
}

/** Beginnings, ends, what crosses the sizes that formats count in, and what is behind the end. */
function placesIn(size: number): readonly (readonly [offset: number, length: number])[] {
  const places = [511, 512, 513, 4095, 4096, 65_535, 65_536, Math.floor(size / 2)]
    .filter((offset) => offset < size)
    .flatMap((offset) => [[offset, 1] as const, [offset, 4097] as const]);
  return [
    [0, 0],
    [0, 10],
    [0, size],
    [0, size + 10],
    ...places,
    [size - 10, 10],
    [size - 10, 11],
    [size, 5],
    [size + 10_000, 5],
  ];
}
