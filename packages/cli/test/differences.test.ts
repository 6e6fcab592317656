import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { CLI } from './running-cli.js';
import { scratch } from './scratch.js';
import { runTool } from './tools.js';
import { testWithTrees } from './tree-making.js';

const FORMATS = fileURLToPath(new URL('../../../formats', import.meta.url));
const CHAPTERS = [
  ['pxar', '### Patterns of what is left out'],
  ['tar', "## Where the bytes differ from GNU tar's"],
] as const;

/** The recipes of a chapter, each a list of shell commands, some with what they print behind them. */
async function recipesIn(format: string, heading: string): Promise<string[][]> {
  const readme = await readFile(join(FORMATS, format, 'README.md'), 'utf8');
  const [, behind = ''] = readme.split(`\n${heading}\n`);
  const [chapter = ''] = behind.split(/\n##+ /);
  return [...chapter.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) =>
    block!.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()])),
  );
}

for (const [format, heading] of CHAPTERS) {
  testWithTrees(`what is said of ${format}: ${heading.replace(/#+ /, '')}`, async () => {
    const recipes = await recipesIn(format, heading);
    expect(recipes.length).toBeGreaterThan(0);
    for (const lines of recipes) {
      const directory = await scratch();
      await mkdir(join(directory, 'work'));
      const program = `vzdump-format() { '${process.execPath}' '${CLI}' "$@" 2>>'${directory}/stderr'; }`;
      const commands = lines.map((line) => line.split(/ +# /));
      const asked = commands.map(([command, printed]) =>
        printed === undefined ? command : `echo "$(${command})"`,
      );
      const script = ['set -e', program, `cd '${directory}/work'`, ...asked].join('\n');
      await writeFile(join(directory, 'script'), script);
      const printed = await runTool('bash', join(directory, 'script'));
      expect(printed.trimEnd().split('\n')).toEqual(
        commands.flatMap(([, expected]) => (expected === undefined ? [] : [expected])),
      );
    }
  });
}
