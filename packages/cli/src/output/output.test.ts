import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toJson } from './output.js';

test.each([
  ['DEL', 'a\x7fb', '"a\\u007fb"'],
  ['C1', '\x9b2J\x85', '"\\u009b2J\\u0085"'],
  ['bidirectional controls', 'gpj.\u202eexe\u2066\u200f', '"gpj.\\u202eexe\\u2066\\u200f"'],
  ['ends of lines', 'a\u2028b\u2029', '"a\\u2028b\\u2029"'],
  ['those beyond the first plane', '\u{e0041}', '"\\udb40\\udc41"'],
  ['bytes that are not UTF-8', '\udcff', '"\\udcff"'],
  ['but no others', 'Größe €\t\\ \u{1f480}', '"Größe €\\t\\\\ \u{1f480}"'],
])('%s', (_, text, shown) => expect(toJson(text)).toBe(shown));

test('whatever the text, as key and as value, it can be looked at, and says the same', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(fc.dictionary(text, fc.array(text)), (document) => {
      for (const indent of [undefined, 2]) {
        const shown = toJson(document, indent);
        expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify(document)));
      }
    }),
  );
});

test('nothing of the command line writes JSON in another way', () => {
  const folder = dirname(import.meta.dirname);
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const others = sources.filter(
    (path) => path.endsWith('.ts') && !/^output\/output\.|\.test\.ts$/.test(path),
  );
  const text = (path: string) => readFileSync(join(folder, path), 'utf8');
  expect(others).toEqual(expect.arrayContaining(['main.ts', 'commands/list.ts', 'output/messages.ts']));
  expect(others.filter((path) => text(path).includes('JSON.stringify'))).toEqual([]);
});
