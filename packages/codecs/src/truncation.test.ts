import { collect, overwriting, testWith } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { codec } from './registry.js';
import { bzip2Places, zstdPlaces } from './testing/block-places.js';
import { mixedBytes, randomBytes } from './testing/bytes.js';
import { runTool } from './testing/tools.js';

const plain = Buffer.concat([mixedBytes(500_000), randomBytes(300_000), mixedBytes(400_000, 2)]);

/** What comes out of a file, and the error that it ends with, if it does. */
async function decompressed(name: string, file: Buffer): Promise<{ content: Buffer; error: unknown }> {
  const parts: Uint8Array[] = [];
  const reading = async () => {
    for await (const part of codec(name).decompress()(overwriting(file, 50_000)))
      parts.push(Buffer.from(part));
  };
  const error = await reading().catch((reason: unknown) => reason);
  return { content: Buffer.concat(parts), error };
}

test('what is whole before a cut comes out: frames, and blocks', async () => {
  const frames = await collect(codec('zstd').compress({ frameSize: 200_000 })(overwriting(plain, 65536)));
  const cuts = (await zstdPlaces(frames)).filter((at) => at < frames.length - 200);
  const lastBlock = frames.subarray(0, cuts.at(-1)! + 10);
  expect((await decompressed('zstd', lastBlock)).content).toHaveLength(1_000_000);
  const blocks = await collect(codec('lzo').compress()(overwriting(plain, 65536)));
  expect((await decompressed('lzo', blocks.subarray(0, -5))).content).toHaveLength(4 * 256 * 1024);
});

testWith(['bzip2'], 'bzip2: cut off at each block', async () => {
  const file = await runTool('bzip2', ['-c', '-3'], plain);
  const places = await bzip2Places(file);
  expect(places.length).toBeGreaterThanOrEqual(4);
  for (const cut of new Set(places.flatMap((at) => [at - 1, at, at + 1]))) {
    const { content, error } = await decompressed('bzip2', file.subarray(0, cut));
    expect(content.equals(plain.subarray(0, content.length))).toBe(true); // never a wrong byte
    expect(error).toMatchObject({ code: 'BZIP2_TRUNCATED', offset: expect.any(Number) });
  }
});
