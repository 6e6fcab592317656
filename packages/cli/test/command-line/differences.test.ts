import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, scratch } from '@vzdump-format/testing';
import { expect } from 'vitest';
import { RECIPES, shellBlocksOf } from '../support/documented-commands.js';
import { CLI } from '../support/running-cli.js';
import { testWithTrees } from '../support/tree-making.js';

/** The shell commands of a recipe, some with what they print behind them. */
function linesOf(recipe: string): string[] {
  return recipe.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}

for (const [document, heading] of RECIPES) {
  testWithTrees(`what ${document} says: ${heading.replace(/#+ /, '')}`, async () => {
    const recipes = shellBlocksOf(document, heading).map(linesOf);
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
