import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { walk } from '@vzdump-format/file-tree';
import { makeFilesOfManySizes } from '@vzdump-format/test-vectors';
import { collect, collectLate } from '@vzdump-format/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packTar } from './write/pack.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tar-chunks-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

test('a chunk is as it was until the next but one is asked for', async () => {
  makeFilesOfManySizes(directory);
  const whole = await collect(packTar(walk(directory)));
  const reused = await collectLate(packTar(walk(directory)));
  expect(reused.equals(whole)).toBe(true);
});
