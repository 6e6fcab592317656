import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const folder = new URL('.', import.meta.url);

function codesIn(text: string): string[] {
  return [
    ...new Set(
      [...text.matchAll(/['`](TREE_[A-Z_]+)['`]|^ {2}(TREE_[A-Z_]+):/gm)].map(
        (match) => match[1] ?? match[2]!,
      ),
    ),
  ];
}

test('the README explains every warning of a walk, and no other', () => {
  const readme = readFileSync(new URL('../../README.md', folder), 'utf8');
  const chapter = readme.slice(readme.indexOf('## Walk a tree'), readme.indexOf('## Excludes'));
  const rows = chapter.split('\n').filter((line) => line.startsWith('| `TREE'));
  const source = readFileSync(new URL('walk-warnings.ts', folder), 'utf8');
  expect(codesIn(source)).toHaveLength(11);
  expect(codesIn(rows.join('\n')).sort()).toEqual(codesIn(source).sort());
});
