import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { badVmas, craftedVmas, goldenVmas } from '@vzdump-format/test-vectors';
import { expect, test } from 'vitest';

const folder = new URL('.', import.meta.url);
const readme = readFileSync(new URL('../README.md', folder), 'utf8');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });

function sources(): string {
  const names = files.filter((name) => /(?<!\.test)\.ts$/.test(name) && !name.startsWith('testing/'));
  return names.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
}

test('every code that the sources use is explained, and no other', () => {
  const used = new Set([...sources().matchAll(/'((?:VMA|SOURCE|TARGET)_[A-Z_]+)'/g)].map(([, code]) => code));
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
  const explained = new Set(
    rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code)),
  );
  expect([...explained].sort()).toEqual([...used].sort());
});

test('every vector and test that is given as a proof is there', () => {
  const known = new Set([...goldenVmas(), ...craftedVmas(), ...badVmas()].map(({ name }) => name));
  const chapters = readme.slice(readme.indexOf('## Limits'), readme.indexOf('## Memory'));
  const proofs = [...chapters.matchAll(/\(([^()]*)\)/g)].flatMap(([, text]) =>
    [...text!.matchAll(/`([a-z0-9]+(?:-[a-z0-9]+)+|[a-z-]+\.test\.ts)`/g)].map(([, proof]) => proof!),
  );
  expect(proofs.length).toBeGreaterThan(25);
  const tests = new Set(files.map((name) => basename(name)));
  expect(proofs.filter((proof) => !known.has(proof) && !tests.has(proof))).toEqual([]);
});
