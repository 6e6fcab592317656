import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { walk } from '@vzdump-format/file-tree';
import { makeFilesOfManySizes } from '@vzdump-format/test-vectors';
import { collect, collectLate } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packPxar } from './write/pack.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pxar-chunks-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

test('a chunk is as it was until the next but one is asked for', async () => {
  makeFilesOfManySizes(directory);
  const whole = await collect(packPxar(walk(directory)));
  const reused = await collectLate(packPxar(walk(directory)));
  expect(reused.equals(whole)).toBe(true);
});
