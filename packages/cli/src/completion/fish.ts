import type { Command, CommandTable } from '../command.js';
import { argumentsOf, optionsOf, type ValueSource } from './completed-option.js';

const NO_COMMAND_YET = "-n 'test (count (commandline -opc)) -eq 1'";

/** Not `__fish_seen_subcommand_from`: an archive may be named like a command. */
function behind(name: string): string {
  return `-n ${quote(`set -l words (commandline -opc); test "$words[2]" = ${name}`)}`;
}

/** The completion for fish. */
export function fishCompletion(table: CommandTable): string {
  const names = table.commands.map(({ name }) => name);
  const lines = [
    '-f',
    `${NO_COMMAND_YET} -l help -d 'show how it is used'`,
    `${NO_COMMAND_YET} -l version -d 'show the version'`,
    ...table.commands.map(({ name, summary }) => `${NO_COMMAND_YET} -a ${name} -d ${quote(summary)}`),
    `${NO_COMMAND_YET} -a help -d 'show how a command is used'`,
    `${behind('help')} -a ${quote(names.join(' '))}`,
    ...table.commands.flatMap((command) => commandLines(command, table)),
  ];
  const heading = '# fish completion for vzdump-format, made by: vzdump-format completion fish\n';
  return `${heading}\n${lines.map((line) => `complete -c vzdump-format ${line}`).join('\n')}\n`;
}

function commandLines(command: Command, table: CommandTable): string[] {
  const condition = behind(command.name);
  const argument = argumentsOf(command);
  const options = optionsOf(command, table).map(({ name, description, value }) => {
    const rest = `-l ${name.slice(2)} ${completer(value)}-d ${quote(description)}`;
    return `${condition} ${rest}`;
  });
  return argument === 'none' || argument === 'text'
    ? options
    : [...options, `${condition} ${completer(argument).replace(/^-r |^-x /, '')}`.trimEnd()];
}

/** What goes with an option that takes a value; ends in a space. */
function completer(value: ValueSource): string {
  if (typeof value !== 'string') return `-x -a ${quote(value.join(' '))} `;
  if (value === 'none') return '';
  if (value === 'file') return '-r -F ';
  return value === 'directory' ? "-x -a '(__fish_complete_directories)' " : '-x ';
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
