import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { goldenTars } from '@vzdump-format/test-vectors';
import { expect, test } from 'vitest';
import { CRAFTED } from './testing/crafted.js';

const folder = new URL('.', import.meta.url);
const readme = readFileSync(new URL('../README.md', folder), 'utf8');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });

function sources(): string {
  const names = files.filter((name) => /(?<!\.test)\.ts$/.test(name) && !name.startsWith('testing/'));
  return names.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
}

test('every code that the sources use is explained, and no other', () => {
  const used = new Set([...sources().matchAll(/'(TAR_[A-Z_]+)'/g)].map(([, code]) => code));
  const rows = readme.split('\n').filter((line) => line.startsWith('| `TAR_'));
  const explained = rows.map((row) => /`([A-Z_]+)`/.exec(row)![1]);
  expect(explained.toSorted()).toEqual([...used].toSorted());
});

test('every vector and test that is given as a proof is there', () => {
  const known = new Set([...goldenTars(), ...CRAFTED].map(({ name }) => name));
  const chapters = readme.slice(readme.indexOf('## Limits'), readme.indexOf('## Memory'));
  const proofs = [...chapters.matchAll(/\(([^()]*)\)/g)].flatMap(([, text]) =>
    [...text!.matchAll(/`([a-z0-9.]+(?:-[a-z0-9.]+)+|joined|[a-z-]+\.test\.ts)`/g)].map(
      ([, proof]) => proof!,
    ),
  );
  expect(proofs.length).toBeGreaterThan(50);
  const tests = new Set(files.map((name) => basename(name)));
  expect(proofs.filter((proof) => !known.has(proof) && !tests.has(proof))).toEqual([]);
});
