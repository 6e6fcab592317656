import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { walk } from '@vzdump-format/file-tree';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packTar } from './pack.js';

const KIB = 1024;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tar-chunks-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** Sizes on both sides of where content is read at once, gathered, and passed on. */
function makeTree(): void {
  const sizes = [1, 32, 63, 64, 65, 100, 1024, 1025, 2500, 64, 5000, 64, 64, 1];
  for (const [index, size] of sizes.entries()) {
    const content = Buffer.alloc(size * KIB, String.fromCharCode(65 + index));
    const path = join(directory, `${String(index).padStart(2, '0')}-${size}`);
    writeFileSync(path, content);
    if (size === 64 || size === 2500) truncateSync(path, 2 * content.length); // a hole
  }
}

test('where buffers are reused, a chunk is as it was until the next but one is asked for', async () => {
  makeTree();
  const whole: Buffer[] = [];
  for await (const chunk of packTar(walk(directory))) whole.push(Buffer.from(chunk));

  const reused: Buffer[] = [];
  let before: Uint8Array | undefined;
  for await (const chunk of packTar(walk(directory, { reuseBuffers: true }), { reuseBuffers: true })) {
    if (before !== undefined) reused.push(Buffer.from(before));
    before = chunk;
  }
  reused.push(Buffer.from(before!));
  expect(Buffer.concat(reused).equals(Buffer.concat(whole))).toBe(true);
});
