import { execFile } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENTS = [
  'README.md',
  ...['dump', 'restore', 'retention'].map((name) => `docs/${name}.md`),
  ...['vma', 'tar', 'pxar'].map((name) => `formats/${name}/README.md`),
  ...['archives', 'codecs', 'disk', 'file-tree', 'nbd', 'posix', 'pve', 'stores', 'streams', 'vzdump'].map(
    (name) => `packages/${name}/README.md`,
  ),
];

/** What examples take for granted. */
const GIVEN = `
declare const signal: AbortSignal;
declare const entries: AsyncIterable<import('@vzdump-format/file-tree').FileEntry>;
declare const buffer: Uint8Array;
declare const offset: number;
declare const length: number;
declare function use(bytes: Uint8Array): Promise<void>;
`;

/** Programs: they import what they use. Others are fragments, in which much is left out. */
function programsIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block!);
  return blocks.filter((block) => block.includes("from '@vzdump-format/") && !block.includes('…\n'));
}

test('the programs in the documents fit the packages, by the compiler', async () => {
  const directory = await scratch();
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  await writeFile(join(directory, 'given.d.ts'), GIVEN);
  let count = 0;
  for (const document of DOCUMENTS) {
    for (const program of programsIn(await readFile(join(ROOT, document), 'utf8'))) {
      count++;
      await writeFile(join(directory, `${document.replaceAll('/', '-')}-${count}.ts`), program);
    }
  }
  expect(count).toBeGreaterThan(18);
  const options = { strict: true, noEmit: true, skipLibCheck: true, module: 'nodenext', target: 'es2023' };
  const config = { compilerOptions: { ...options, lib: ['es2023'], types: ['node'] } };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const compiled = promisify(execFile)(process.execPath, [tsc, '--project', directory]);
  expect(
    await compiled.then(
      () => '',
      ({ stdout }) => stdout,
    ),
  ).toBe('');
});
