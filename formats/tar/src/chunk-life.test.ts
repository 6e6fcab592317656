import { walk } from '@vzdump-format/file-tree';
import { makeFilesOfManySizes } from '@vzdump-format/test-vectors';
import { collect, collectLate, useTemporaryDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { packTar } from './write/pack.js';

const temporaryDirectory = useTemporaryDirectory();

test('a chunk is as it was until the next but one is asked for', async () => {
  const directory = temporaryDirectory();
  makeFilesOfManySizes(directory);
  const whole = await collect(packTar(walk(directory)));
  const reused = await collectLate(packTar(walk(directory)));
  expect(reused.equals(whole)).toBe(true);
});
