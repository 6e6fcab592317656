import { expect, test } from 'vitest';
import { PathOffsets } from './path-offsets.js';

test('50,000 paths, and none that was not set', () => {
  const offsets = new PathOffsets();
  const path = (index: number) => `some/directory-${index % 100}/file ${index}`;
  for (let index = 0; index < 50_000; index++) offsets.set(path(index), index * 1e9);
  for (let index = 0; index < 50_000; index++) expect(offsets.get(path(index))).toBe(index * 1e9);
  expect(offsets.get('some/directory-1/file 50001')).toBeUndefined();
  expect(offsets.get('')).toBeUndefined();
});

test('the last offset of a path counts', () => {
  const offsets = new PathOffsets();
  offsets.set('a', 0);
  offsets.set('a', 5);
  expect(offsets.get('a')).toBe(5);
});
