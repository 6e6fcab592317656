import type { Command, CommandTable } from '../command.js';
import { argumentsOf, type CompletedOption, optionsOf, type ValueSource } from './completed-option.js';

/**
 * The completion for zsh: a file `_vzdump-format` in a directory of `fpath`, or sourced behind `compinit`.
 */
export function zshCompletion(table: CommandTable): string {
  return `#compdef vzdump-format
# zsh completion for vzdump-format, made by: vzdump-format completion zsh

_vzdump-format() {
  local -a commands
  commands=(
${table.commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n')}
    'help:show how a command is used'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    _arguments '--help[show how it is used]' '--version[show the version]'
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
    help) _describe command commands ;;
${table.commands.map((command) => commandCase(command, table)).join('\n')}
  esac
}

if [[ $funcstack[1] == _vzdump-format ]]; then
  _vzdump-format "$@"
else
  compdef _vzdump-format vzdump-format
fi
`;
}

function commandCase(command: Command, table: CommandTable): string {
  const specs = optionsOf(command, table).map(optionArgument);
  specs.push(`*:argument:${action(argumentsOf(command))}`);
  return `    ${command.name})\n      _arguments \\\n${specs.map((spec) => `        ${quote(spec)}`).join(' \\\n')}\n      ;;`;
}

/** As `_arguments` takes it: `*--drive[description]:NAME=PATH:_files`. */
function optionArgument({ name, description, value, placeholder, repeatable }: CompletedOption): string {
  const shown = `${repeatable ? '*' : ''}${name}[${description.replace(/[[\]\\:]/g, '\\$&')}]`;
  return value === 'none' ? shown : `${shown}:${placeholder.replaceAll(':', '\\:')}:${action(value)}`;
}

function action(value: ValueSource): string {
  if (typeof value !== 'string') return `(${value.join(' ')})`;
  if (value === 'file') return '_files';
  return value === 'directory' ? '_files -/' : ' ';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
