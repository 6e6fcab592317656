import { describe, expect, test } from 'vitest';
import type { CommandTable } from './command.js';
import { completionScript, completionShells } from './commands/completion.js';
import { manPage } from './commands/man.js';
import { commonOptions } from './options/options.js';
import { commands } from './program.js';

const TABLE = { commands, commonOptions };
const longNames = [...commands.flatMap(({ options }) => options), ...commonOptions].map(
  ({ flags }) => flags.split(' ')[0]!,
);

/** A table with everything that could be taken for markup. */
const AWKWARD: CommandTable = {
  commands: [
    {
      name: 'do',
      summary: ".it's [100%] \\ `done`: “really” $HOME",
      arguments: [{ name: '<what...>', description: "'tis it", values: 'file' }],
      options: [{ flags: '--why <word>', description: "because: it's [so]", choices: ['a', 'b'] }],
      examples: ["vzdump-format do 'this' \\\n  -- that"],
      run: async () => {},
    },
  ],
  commonOptions: [],
};

test('every command and option is in the manual page', () => {
  const page = manPage(TABLE, '1.2.3').replaceAll('\\-', '-');
  for (const { name, examples } of commands) {
    expect(page).toContain(`.SS ${name}\n`);
    for (const example of examples) expect(page).toContain(example);
  }
  for (const name of longNames)
    expect(page).toMatch(new RegExp(`^\\.B(I|R -\\w ", ")? "?${name}( "|$)`, 'm'));
  expect(page).toContain('"vzdump-format 1.2.3"');
});

test('nothing in the table is markup in the manual page', () => {
  const lines = manPage(AWKWARD, '1').split('\n');
  expect(lines).toContain("\\&.it's [100%] \\e `done`: \\[u201C]really\\[u201D] $HOME.");
  expect(lines).toContain("\\&'tis it");
  expect(lines.filter((line) => /^'/.test(line))).toEqual([]);
});

describe.each(completionShells)('completion for %s', (shell) => {
  test('knows every command and option', () => {
    const script = completionScript(shell, TABLE);
    for (const { name } of commands) expect(script).toMatch(new RegExp(`\\b${name}\\b`));
    for (const name of longNames.map((each) => each.replace(/N$/, '0'))) {
      expect(script).toContain(shell === 'fish' ? `-l ${name.slice(2)} ` : name);
    }
  });

  test('quotes what a shell would take for its own', () => {
    const script = completionScript(shell, AWKWARD);
    if (shell === 'zsh') expect(script).toContain("'--why[because\\: it'\\''s \\[so\\]]:word:(a b)'");
    if (shell === 'fish') expect(script).toContain("-l why -x -a 'a b' -d 'because: it\\'s [so]'");
    if (shell === 'bash') expect(script).not.toContain('$HOME');
  });
});
