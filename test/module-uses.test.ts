import { describe, expect, test } from 'vitest';
import { findModuleUses } from './module-uses.js';

const specifiers = (source: string) => findModuleUses(source).specifiers;

describe('finds', () => {
  test.each([
    `import { a } from 'x';`,
    `import a from "x";`,
    `import * as a from 'x';`,
    `import a, { type b } from 'x';`,
    `import type { A } from 'x';`,
    `import {\n  a, // one\n  b, /* 'two' */\n} from 'x';`,
    `import{a}from'x';`,
    `import 'x';`,
    `import a = require('x');`,
    `export * from 'x';`,
    `export * as a from 'x';`,
    `export { a, type B } from 'x';`,
    `export type { A } from 'x';`,
    `const a = await import('x');`,
    `const a = await import(\n  /* of course */ 'x',\n);`,
    'const a = await import(`x`);',
    `type A = import('x').A;`,
    `const a = require('x');`,
    `const quote = /['"\`]/; import('x');`,
    `const slash = [/[/'"]/g]; import('x');`,
    `const half = a / b; const s = '/'; import('x');`,
    `const url = 'https://example.org'; import('x');`,
  ])('%s', (source) => {
    expect(specifiers(source)).toEqual(['x']);
  });

  test('each of many, in order', () => {
    expect(specifiers(`import a from 'a';\nimport 'b';\nexport { a };\nexport * from 'c';\n`)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });
});

describe('is not taken in by', () => {
  test.each([
    `// import a from 'x';`,
    `/* import a from 'x'; */`,
    `const text = "import a from 'x'";`,
    "const text = `\nimport a from 'x';\n`;",
    `const a = from('x'); export { a };`,
    `export const from = 'x';`,
    `loader.import('x'); important('x'); reimport('x');`,
    `/import 'x'/.test(a);`.replace(/^/, 'const a = '),
    `await import(name);`,
    `spawn(import.meta.resolve('x'));`,
  ])('%s', (source) => {
    expect(specifiers(source)).toEqual([]);
  });
});

describe('a default export', () => {
  test.each([
    'export default class {}',
    'export default 1;',
    'const a = 1;\nexport { b, a as default };',
    `export { a as default } from './a.js';`,
  ])('%s', (source) => {
    expect(findModuleUses(source).exportsDefault).toBe(true);
  });

  test.each([
    `export { default as a } from './a.js';`,
    'switch (a) { default: }',
    '// export default 1',
    `const text = 'export default 1';`,
  ])('is not in %s', (source) => {
    expect(findModuleUses(source).exportsDefault).toBe(false);
  });
});
