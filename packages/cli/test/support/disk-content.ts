import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteSource } from '@vzdump-format/streams';
import { type ContentRecipe, RecipeSource } from '@vzdump-format/test-vectors';
import { isMet, runTool } from '@vzdump-format/testing';

const MIB = 1 << 20;
/** A file system with files in it, and with room. */
const DISK_SIZE = 8 * MIB;

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Writes a drive's content as its recipe says; what it does not speak of becomes a hole. */
export async function writeRecipe(path: string, recipe: ContentRecipe): Promise<void> {
  const source: ByteSource = new RecipeSource(recipe);
  const file = await open(path, 'wx');
  try {
    await file.truncate(source.size);
    let data = await source.nextData!(0);
    while (data !== undefined) {
      const buffer = Buffer.alloc(Math.min(data.end, source.size) - data.start);
      await source.read(buffer, data.start);
      await file.write(buffer, 0, buffer.length, data.start);
      data = await source.nextData!(data.end);
    }
  } finally {
    await file.close();
  }
}

/** Bytes that do not compress, the same for the same seed. */
export async function writeNoise(path: string, size: number, seed = 'noise'): Promise<void> {
  const key = createHash('sha256').update(seed).digest();
  await writeFile(path, createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size)), {
    flag: 'wx',
  });
}

/** A disk with a real ext4 on it, where that can be made; else one with some content. */
export async function writeDisk(path: string): Promise<void> {
  const segments = [
    { offset: 0, length: MIB, gen: 'sha256ctr', seed: 'disk' },
    { offset: 5 * MIB, length: 4096, gen: 'byte', value: 65 },
  ] as const;
  if (!isMet('mkfs.ext4')) return writeRecipe(path, { source_bytes: DISK_SIZE, segments });
  const tree = `${path}.tree`;
  await mkdir(join(tree, 'etc'), { recursive: true });
  await writeFile(join(tree, 'etc', 'hostname'), 'guest\n');
  await writeNoise(join(tree, 'noise'), MIB);
  await runTool('mkfs.ext4', '-q', '-F', '-d', tree, path, `${DISK_SIZE / 1024}k`);
}
