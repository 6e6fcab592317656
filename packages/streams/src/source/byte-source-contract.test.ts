import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noise, scratch } from '@vzdump-format/testing';
import { RateLimiter, ThrottledSource } from '../stage/throttle.js';
import { testByteSource } from '../testing/byte-source-contract.js';
import { BufferSource, FileSource, SliceSource } from './byte-source.js';

const content = noise(150_000);

async function file(): Promise<string> {
  const path = join(await scratch(), 'bytes');
  await writeFile(path, content);
  return path;
}

testByteSource('BufferSource', () => ({ content, open: async () => new BufferSource(content) }));

testByteSource('FileSource', async () => {
  const path = await file();
  return { content, open: () => FileSource.open(path) };
});

testByteSource('SliceSource', () => {
  const parent = new BufferSource(Buffer.concat([noise(77, 2), content, noise(9)]));
  return { content, open: async () => new SliceSource(parent, 77, content.length) };
});

testByteSource('ThrottledSource', async () => {
  const path = await file();
  const limiter = new RateLimiter(1 << 30);
  return { content, open: async () => new ThrottledSource(await FileSource.open(path), limiter) };
});
