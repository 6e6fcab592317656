import type { Command, CommandTable } from '../command.js';
import { manPage } from '../man-page.js';
import { print } from '../output/output.js';
import { version } from '../version.js';

/** @param table of all commands, this one included */
export function man(table: () => CommandTable): Command {
  return {
    name: 'man',
    summary: 'print the manual page, in roff',
    arguments: [],
    options: [],
    examples: ['vzdump-format man | man -l -'],

    async run() {
      await print(manPage(table(), version()));
    },
  };
}
