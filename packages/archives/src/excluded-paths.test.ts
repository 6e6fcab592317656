import { gnuTarExcludes, pxarExcludes } from '@vzdump-format/file-tree';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExcludedPaths, pathAndParents } from './tree-archive.js';

const names = fc.constantFrom('a', 'b', 'ab');
const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((components) => components.join('/'));
const patterns = fc.stringMatching(/^!?\/?([ab*?]|\[a\]|\*\*)[ab*?/]{0,3}[ab*?]\/?$/);

test.each([
  ['GNU tar', gnuTarExcludes],
  ['pxar', pxarExcludes],
])('as if the rules of %s were asked of each path and of all above it', (_, parse) => {
  fc.assert(
    fc.property(fc.array(patterns, { maxLength: 3 }), fc.array(paths, { maxLength: 12 }), (texts, asked) => {
      const rules = parse(texts);
      const excluded = new ExcludedPaths(rules);
      for (const path of asked) {
        const isOut = pathAndParents(path).some((above) => rules.excludes(above, above !== path));
        expect([path, excluded.has(path, false)]).toEqual([path, isOut]);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a rule for the root alone leaves nothing in it out', () => {
  const excluded = new ExcludedPaths({ excludes: (path) => path === '' });
  expect(['', 'a', 'a/b', 'c'].map((path) => excluded.has(path, true))).toEqual([true, false, false, false]);
});

test('what can leave nothing out is not asked', () => {
  let asked = 0;
  const { mayExcludeBelow } = gnuTarExcludes(['/var/*.log']);
  const excluded = new ExcludedPaths({ mayExcludeBelow: mayExcludeBelow!, excludes: () => ++asked < 0 });
  for (const path of ['etc/a', 'etc/b', 'etc/c']) excluded.has(path, false);
  expect(asked).toBe(1); // of `etc`
  excluded.has('var/a', false);
  expect(asked).toBe(3);
});
