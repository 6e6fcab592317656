import type { Command, CommandTable } from '../command.js';
import { argumentsOf, optionsOf, type ValueSource } from './completed-option.js';

/** The completion for bash: it needs nothing but bash 4.1. */
export function bashCompletion(table: CommandTable): string {
  const names = table.commands.map(({ name }) => name);
  return `# bash completion for vzdump-format, made by: vzdump-format completion bash

_vzdump_format() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  local option=$previous value=$current
  COMPREPLY=()
  # '=' is a word of its own: --progress=json, --drive NAME=PATH
  if [[ $current == '=' ]]; then
    value=
  elif [[ $previous == '=' ]]; then
    option=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if ((COMP_CWORD == 1)); then
    _vzdump_format_words '${[...names, 'help', '--help', '--version'].join(' ')}'
    return
  fi
  case "$command $option" in
    'help help') _vzdump_format_words '${names.join(' ')}'; return ;;
${table.commands.flatMap((command) => valueCases(command, table)).join('\n')}
  esac
  if [[ $previous == '=' || $current == '=' ]]; then
    _vzdump_format_paths -f
  elif [[ $current == -* ]]; then
    case $command in
${table.commands.map((command) => optionCase(command, table)).join('\n')}
    esac
  else
    case $command in
${table.commands.map(argumentCase).join('\n')}
    esac
  fi
}

_vzdump_format_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$value")
}

_vzdump_format_paths() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$value")
}

complete -F _vzdump_format vzdump-format
`;
}

/** What comes behind the options that take a value. */
function valueCases(command: Command, table: CommandTable): string[] {
  return optionsOf(command, table)
    .filter(({ value }) => value !== 'none')
    .map(({ name, value, placeholder }) => {
      // of NAME=PATH, the name is for the user to know
      const shown = placeholder === 'NAME=PATH' ? ':' : completer(value);
      return `    '${command.name} ${name}') ${shown}; return ;;`;
    });
}

function optionCase(command: Command, table: CommandTable): string {
  const names = optionsOf(command, table).map(({ name }) => name);
  return `      ${command.name}) _vzdump_format_words '${names.join(' ')}' ;;`;
}

function argumentCase(command: Command): string {
  return `      ${command.name}) ${completer(argumentsOf(command))} ;;`;
}

function completer(value: ValueSource): string {
  if (typeof value !== 'string') return `_vzdump_format_words '${value.join(' ')}'`;
  if (value === 'file') return '_vzdump_format_paths -f';
  return value === 'directory' ? '_vzdump_format_paths -d' : ':';
}
