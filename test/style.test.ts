import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

const WIDTH = 110;
const COMMENT = /^\s*(?:\/\/|\/?\*)/;
const TABLE_ROW = /^\s*\* \|.*\|$/;

/** `archives/open-archive.ts`, as the document has it, is `packages/archives/src/open-archive.ts`. */
function isThere(path: string): boolean {
  const [room, ...rest] = path.split('/');
  const places = [path, ...['packages', 'formats'].map((group) => join(group, room!, 'src', ...rest))];
  return places.some((place) => existsSync(join(ROOT, place)));
}

test.each(['architecture.md', 'developing.md', ...decisions()])(
  'the files that docs/%s names are there',
  (name) => {
    const text = readFileSync(join(ROOT, 'docs', name), 'utf8');
    const named = [...text.matchAll(/`((?:[\w.-]+\/)+[\w-]+(?:\.[\w-]+)*\.(?:ts|mjs|js))`/g)].map(
      ([, path]) => path!,
    );
    expect(named.filter((path) => !isThere(path))).toEqual([]);
  },
);

test('no comment is wider than 110 columns, but for rows of tables', () => {
  const listed = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.js'], { cwd: ROOT, encoding: 'utf8' });
  const wide: string[] = [];
  for (const path of listed.split('\n').filter((name) => existsSync(join(ROOT, name)) && name !== '')) {
    for (const [index, line] of readFileSync(join(ROOT, path), 'utf8').split('\n').entries()) {
      if (line.length > WIDTH && COMMENT.test(line) && !TABLE_ROW.test(line))
        wide.push(`${path}:${index + 1}`);
    }
  }
  expect(wide).toEqual([]);
});

function decisions(): readonly string[] {
  return readdirSync(join(ROOT, 'docs/decisions')).map((name) => `decisions/${name}`);
}
