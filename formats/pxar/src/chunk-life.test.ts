import { walk } from '@vzdump-format/file-tree';
import { makeFilesOfManySizes } from '@vzdump-format/test-vectors';
import { collect, collectLate, useTemporaryDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { packPxar } from './write/pack.js';

const temporaryDirectory = useTemporaryDirectory();

test('a chunk is as it was until the next but one is asked for', async () => {
  const directory = temporaryDirectory();
  makeFilesOfManySizes(directory);
  const whole = await collect(packPxar(walk(directory)));
  const reused = await collectLate(packPxar(walk(directory)));
  expect(reused.equals(whole)).toBe(true);
});
