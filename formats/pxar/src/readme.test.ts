import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { badPxars, goldenPxars } from '@vzdump-format/test-vectors';
import { expect, test } from 'vitest';
import { REFUSED_ON_PURPOSE } from './testing/verdicts.js';

const folder = new URL('.', import.meta.url);
const readme = readFileSync(new URL('../README.md', folder), 'utf8');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });

function sources(): string {
  const names = files.filter((name) => /(?<!\.test)\.ts$/.test(name) && !name.startsWith('testing/'));
  return names.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
}

function chapter(from: string, to: string): string {
  return readme.slice(readme.indexOf(from), readme.indexOf(to));
}

/** Vectors and tests in brackets. */
function proofsIn(text: string): string[] {
  return [...text.matchAll(/\(([^()]*)\)/g)].flatMap(([, inside]) =>
    [...inside!.matchAll(/`([a-z0-9]+(?:-[a-z0-9^]+)+|[a-z-]+\.test\.ts)`/g)].map(([, proof]) => proof!),
  );
}

test('every code that the sources use is explained, and no other', () => {
  const used = new Set([...sources().matchAll(/'(PXAR_[A-Z_]+)'/g)].map(([, code]) => code));
  const rows = readme.split('\n').filter((line) => line.startsWith('| `PXAR_'));
  const explained = new Set(rows.map((row) => /`([A-Z_]+)`/.exec(row)![1]));
  expect([...explained].sort()).toEqual([...used].sort());
});

test('every vector and test that is given as a proof is there', () => {
  const known = new Set([...goldenPxars(), ...badPxars()].map(({ name }) => name));
  const tests = new Set(files.map((name) => basename(name)));
  const proofs = proofsIn(chapter('## Limits', '## Memory'));
  expect(proofs.length).toBeGreaterThan(40);
  expect(proofs.filter((proof) => !known.has(proof) && !tests.has(proof))).toEqual([]);
});

test('every vector that is refused on purpose is told of', () => {
  const told = proofsIn(chapter('### Read by the real tool', '### Read by both, and refused'));
  expect([...new Set(told)].sort()).toEqual([...REFUSED_ON_PURPOSE].sort());
});
