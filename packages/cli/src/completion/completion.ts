import type { CommandTable } from '../command.js';
import { bashCompletion } from './bash.js';
import { fishCompletion } from './fish.js';
import { zshCompletion } from './zsh.js';

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
