import type { Command, CommandTable } from '../command.js';
import { bashCompletion } from '../completion/bash.js';
import { fishCompletion } from '../completion/fish.js';
import { zshCompletion } from '../completion/zsh.js';
import { UsageError } from '../output/exit-status.js';
import { print } from '../output/output.js';

/** @param table of all commands, this one included */
export function completion(table: () => CommandTable): Command {
  return {
    name: 'completion',
    summary: 'print a script that completes commands, options and paths in a shell',
    arguments: [
      { name: '<shell>', description: `one of ${completionShells.join(', ')}`, values: completionShells },
    ],
    options: [],
    examples: [
      'source <(vzdump-format completion bash)',
      'vzdump-format completion zsh > /usr/local/share/zsh/site-functions/_vzdump-format',
      'vzdump-format completion fish > ~/.config/fish/completions/vzdump-format.fish',
    ],

    async run([shell]) {
      if (!completionShells.includes(shell as CompletionShell)) {
        throw new UsageError(`no shell is known as '${shell}'`, `there are ${completionShells.join(', ')}`);
      }
      await print(completionScript(shell as CompletionShell, table()));
    },
  };
}

const SCRIPTS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Record<string, (table: CommandTable) => string>;

export type CompletionShell = keyof typeof SCRIPTS;

/** The shells that can be taught to complete. */
export const completionShells = Object.keys(SCRIPTS) as readonly CompletionShell[];

/** The script that teaches a shell to complete every command and option of the table. */
export function completionScript(shell: CompletionShell, table: CommandTable): string {
  return SCRIPTS[shell](table);
}
