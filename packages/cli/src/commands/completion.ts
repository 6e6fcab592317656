import { allOptions, type Command, type CommandTable, type OptionSpec } from '../command.js';
import { completedNames } from '../completed-names.js';
import { firstNumbered } from '../options/spelling.js';
import { UsageError } from '../output/exit-status.js';
import { print, printLines } from '../output/output.js';

/** @param table of all commands, this one included */
export function completion(table: () => CommandTable): Command {
  return {
    name: 'completion',
    summary: 'print a script that completes commands, options, paths, and names in archives in a shell',
    arguments: [
      {
        name: '<shell>',
        description: `one of ${completionShells.join(', ')}; or names, with which these scripts ask for names in an archive`,
        values: completionShells,
      },
      { name: '[word...]', description: 'for names: the command line so far, behind vzdump-format' },
    ],
    options: [],
    examples: [
      'source <(vzdump-format completion bash)',
      'vzdump-format completion zsh > /usr/local/share/zsh/site-functions/_vzdump-format',
      'vzdump-format completion fish > ~/.config/fish/completions/vzdump-format.fish',
    ],

    async run([shell, ...words]) {
      if (shell === 'names') return printLines(await completedNames(words, table()));
      if (words.length > 0) throw new UsageError('too many arguments: a script is for one shell');
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

type CompletionShell = keyof typeof SCRIPTS;

/** The shells that can be taught to complete. */
export const completionShells = Object.keys(SCRIPTS) as readonly CompletionShell[];

/** The script that teaches a shell to complete every command and option of the table. */
export function completionScript(shell: CompletionShell, table: CommandTable): string {
  return SCRIPTS[shell](table);
}

/** What an option's value is completed with. */
type ValueSource = 'none' | 'text' | 'file' | 'directory' | 'member' | 'drive=' | readonly string[];

/** An option as the shells see it. */
interface CompletedOption {
  /** With the dashes. */
  readonly name: string;
  readonly description: string;
  /** `none` when it takes no value. */
  readonly value: ValueSource;
  /** As `NAME=PATH`; empty when it takes no value. */
  readonly placeholder: string;
  readonly repeatable: boolean;
}

const SOURCE_OF_PLACEHOLDER: Readonly<Record<string, ValueSource>> = {
  '': 'none',
  file: 'file',
  'NAME=PATH': 'drive=',
  drive: 'member',
  directory: 'directory',
};

/** Every option that a command takes. */
function optionsOf(command: Command, { commonOptions }: CommandTable): CompletedOption[] {
  const help: OptionSpec = { flags: '--help', description: 'show how it is used' };
  return [...allOptions(command, commonOptions), help].map((spec) => {
    const { flags, description, choices, numbered = false, repeatable = numbered } = spec;
    const [written = '', placeholder = ''] = flags.replace(/[<>]/g, '').split(' ');
    const name = numbered ? firstNumbered(written) : written;
    if (placeholder.startsWith('[')) return { name, description, value: 'none', placeholder: '', repeatable };
    const value = choices ?? sourceOf(placeholder, command);
    return { name, description, value, placeholder, repeatable };
  });
}

/** What is made of drives' names where there is no archive yet is for the user to know. */
function sourceOf(placeholder: string, command: Command): ValueSource {
  const source = SOURCE_OF_PLACEHOLDER[placeholder] ?? 'text';
  return source === 'drive=' && command.arguments[0]?.name !== '<archive>' ? 'file' : source;
}

/** What a command's arguments are completed with: words, if any of them is one. */
function argumentsOf(command: Command): ValueSource {
  const sources = command.arguments.map(({ values }) => values ?? 'text');
  const isWords = (source: ValueSource) => typeof source !== 'string';
  return sources.find(isWords) ?? sources.find((source) => source === 'member') ?? sources[0] ?? 'none';
}

/** The completion for bash: it needs nothing but bash 4.1. */
function bashCompletion(table: CommandTable): string {
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
${table.commands.flatMap((command) => bashValueCases(command, table)).join('\n')}
  esac
  if [[ $previous == '=' || $current == '=' ]]; then
    _vzdump_format_paths -f
  elif [[ $current == -* ]]; then
    case $command in
${table.commands.map((command) => bashOptionCase(command, table)).join('\n')}
    esac
  else
    case $command in
${table.commands.map(bashArgumentCase).join('\n')}
    esac
  fi
}

_vzdump_format_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$value")
}

# Names in the archive of this command line; paths where there is none yet.
_vzdump_format_names() {
  local word words=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    word=\${word//\\\\/}
    word=\${word#[\\"\\']}
    words+=("\${word%[\\"\\']}")
  done
  if ((COMP_CWORD == 2)); then
    _vzdump_format_paths -f
    return
  fi
  local names
  if names=$(vzdump-format completion names -- "\${words[@]}" 2>/dev/null); then
    [[ -n $names ]] && mapfile -t COMPREPLY <<<"$names"
    [[ $names == *= ]] || compopt -o filenames 2>/dev/null
    [[ $names == *[/=] ]] && compopt -o nospace 2>/dev/null
  elif [[ $previous != -* ]]; then
    _vzdump_format_paths -f
  fi
}

_vzdump_format_paths() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$value")
}

complete -F _vzdump_format vzdump-format
`;
}

/** What comes behind the options that take a value. */
function bashValueCases(command: Command, table: CommandTable): string[] {
  return optionsOf(command, table)
    .filter(({ value }) => value !== 'none')
    .map(({ name, value, placeholder }) => {
      const shown = placeholder === 'NAME=PATH' && value === 'file' ? ':' : bashCompleter(value);
      return `    '${command.name} ${name}') ${shown}; return ;;`;
    });
}

function bashOptionCase(command: Command, table: CommandTable): string {
  const names = optionsOf(command, table).map(({ name }) => name);
  return `      ${command.name}) _vzdump_format_words '${names.join(' ')}' ;;`;
}

function bashArgumentCase(command: Command): string {
  return `      ${command.name}) ${bashCompleter(argumentsOf(command))} ;;`;
}

function bashCompleter(value: ValueSource): string {
  if (typeof value !== 'string') return `_vzdump_format_words '${value.join(' ')}'`;
  if (value === 'member' || value === 'drive=') return '_vzdump_format_names';
  if (value === 'file') return '_vzdump_format_paths -f';
  return value === 'directory' ? '_vzdump_format_paths -d' : ':';
}

/**
 * The completion for zsh: a file `_vzdump-format` in a directory of `fpath`, or sourced behind `compinit`.
 */
function zshCompletion(table: CommandTable): string {
  return `#compdef vzdump-format
# zsh completion for vzdump-format, made by: vzdump-format completion zsh

_vzdump-format() {
  local -a commands
  commands=(
${table.commands.map(({ name, summary }) => `    ${zshQuote(`${name}:${summary}`)}`).join('\n')}
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
${table.commands.map((command) => zshCommandCase(command, table)).join('\n')}
  esac
}

# Names in the archive of this command line; behind NAME=, paths.
_vzdump_format_names() {
  if [[ $words[CURRENT-1] == --drive && $PREFIX == *=* ]]; then
    compset -P '*='
    _files
    return
  fi
  local -a names whole
  names=("\${(@f)$(vzdump-format completion names -- "\${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
  whole=(\${names:#*[/=]})
  compadd -a whole
  names=(\${(M)names:#*[/=]})
  compadd -S '' -a names
}

if [[ $funcstack[1] == _vzdump-format ]]; then
  _vzdump-format "$@"
else
  compdef _vzdump-format vzdump-format
fi
`;
}

function zshCommandCase(command: Command, table: CommandTable): string {
  const specs = optionsOf(command, table).map(zshOption);
  const source = argumentsOf(command);
  if (source === 'member') specs.push(`1:archive:${zshAction('file')}`);
  specs.push(`*:argument:${zshAction(source)}`);
  return `    ${command.name})\n      _arguments \\\n${specs.map((spec) => `        ${zshQuote(spec)}`).join(' \\\n')}\n      ;;`;
}

/** As `_arguments` takes it: `*--drive[description]:NAME=PATH:_files`. */
function zshOption({ name, description, value, placeholder, repeatable }: CompletedOption): string {
  const shown = `${repeatable ? '*' : ''}${name}[${description.replace(/[[\]\\:]/g, '\\$&')}]`;
  return value === 'none' ? shown : `${shown}:${placeholder.replaceAll(':', '\\:')}:${zshAction(value)}`;
}

function zshAction(value: ValueSource): string {
  if (typeof value !== 'string') return `(${value.join(' ')})`;
  if (value === 'member' || value === 'drive=') return '_vzdump_format_names';
  if (value === 'file') return '_files';
  return value === 'directory' ? '_files -/' : ' ';
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const NO_COMMAND_YET = "-n 'test (count (commandline -opc)) -eq 1'";

/** Not `__fish_seen_subcommand_from`: an archive may be named like a command. */
function fishBehind(name: string): string {
  return `-n ${fishQuote(`set -l words (commandline -opc); test "$words[2]" = ${name}`)}`;
}

/** The completion for fish. */
function fishCompletion(table: CommandTable): string {
  const names = table.commands.map(({ name }) => name);
  const lines = [
    '-f',
    `${NO_COMMAND_YET} -l help -d 'show how it is used'`,
    `${NO_COMMAND_YET} -l version -d 'show the version'`,
    ...table.commands.map(({ name, summary }) => `${NO_COMMAND_YET} -a ${name} -d ${fishQuote(summary)}`),
    `${NO_COMMAND_YET} -a help -d 'show how a command is used'`,
    `${fishBehind('help')} -a ${fishQuote(names.join(' '))}`,
    ...table.commands.flatMap((command) => fishLines(command, table)),
  ];
  const heading = '# fish completion for vzdump-format, made by: vzdump-format completion fish\n';
  return `${heading}\n${FISH_NAMES}\n${lines.map((line) => `complete -c vzdump-format ${line}`).join('\n')}\n`;
}

/** In one place, since a function of fish's is known by the name that it has in all scripts. */
const FISH_NAMES = `# Names in the archive of this command line; paths where there is none yet.
function __vzdump_format_names
  set -l words (commandline -opc)
  vzdump-format completion names -- $words[2..] (commandline -ct) 2>/dev/null
  or __fish_complete_path (commandline -ct)
end
`;

function fishLines(command: Command, table: CommandTable): string[] {
  const condition = fishBehind(command.name);
  const argument = argumentsOf(command);
  const options = optionsOf(command, table).map(({ name, description, value }) => {
    const rest = `-l ${name.slice(2)} ${fishCompleter(value)}-d ${fishQuote(description)}`;
    return `${condition} ${rest}`;
  });
  return argument === 'none' || argument === 'text'
    ? options
    : [...options, `${condition} ${fishCompleter(argument).replace(/^-r |^-x /, '')}`.trimEnd()];
}

/** What goes with an option that takes a value; ends in a space. */
function fishCompleter(value: ValueSource): string {
  if (typeof value !== 'string') return `-x -a ${fishQuote(value.join(' '))} `;
  if (value === 'none') return '';
  if (value === 'member') return "-x -a '(__vzdump_format_names)' ";
  if (value === 'drive=') return "-r -F -a '(__vzdump_format_names)' ";
  if (value === 'file') return '-r -F ';
  return value === 'directory' ? "-x -a '(__fish_complete_directories)' " : '-x ';
}

function fishQuote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
