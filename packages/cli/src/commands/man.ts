import { type Command, type CommandTable, type OptionSpec, optionGroups } from '../command.js';
import { exitStatuses } from '../output/exit-status.js';
import { print } from '../output/output.js';

/** @param table of all commands, this one included; @param version of the program */
export function man(table: () => CommandTable, version: () => string): Command {
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

const DESCRIPTION = [
  'Data goes to standard output, everything else to standard error. As the name of an archive, - is standard input ' +
    'or standard output; binary data is not written to a terminal.',
  'Files get their names when they are complete, or not at all. A file that exists is replaced only with --force.',
  'An error is one line, with a second one that begins with "hint:" where there is something to be done about it. ' +
    'With --json, every line on standard error is a JSON document, of "type" error, warning, info, log or progress, and ' +
    'an error is the last of them.',
];

/** The manual page, in the man macros of roff, made from the table of commands and options. */
export function manPage(table: CommandTable, version: string): string {
  return [
    `.TH VZDUMP\\-FORMAT 1 "" "vzdump\\-format ${text(version)}" "User Commands"`,
    '.SH NAME',
    'vzdump\\-format \\- read, write, check and take apart the backups of Proxmox VE',
    '.SH SYNOPSIS',
    ...table.commands.flatMap((command) => [...synopsis(command), '.br']).slice(0, -1),
    '.SH DESCRIPTION',
    ...DESCRIPTION.flatMap((paragraph) => ['.PP', text(paragraph)]),
    '.SH COMMANDS',
    ...table.commands.flatMap(commandSection),
    '.SH OPTIONS OF EVERY COMMAND',
    ...table.commonOptions.flatMap(optionItem),
    ...item('.BR \\-h ", " \\-\\-help', 'show how the command is used'),
    '.SH EXIT STATUS',
    ...exitStatuses.flatMap(({ status, meaning }) => item(`.B ${status}`, meaning)),
    '.SH ENVIRONMENT',
    ...environment(table),
    '.SH FILES',
    ...FILES.flatMap(({ name, meaning }) => item(`.I ${text(name)}`, `${meaning}.`)),
    '.SH SEE ALSO',
    '.BR vzdump (1),',
    '.BR qmrestore (1),',
    '.BR qemu\\-nbd (8)',
    '',
  ].join('\n');
}

/** What others than the options of ours have to say. */
const VARIABLES = [
  {
    name: 'XDG_CACHE_HOME',
    meaning: 'where indexes are kept that cannot stand beside their archives; ~/.cache unless given',
  },
  { name: 'UV_THREADPOOL_SIZE', meaning: "threads in which Node's own calls and the codecs work" },
  {
    name: 'NODE_DEBUG',
    meaning: 'with vzdump-format in it, standard error tells how each archive is read and written, and why',
  },
  { name: 'PATH', meaning: 'where qemu-nbd and the tools of LVM, ZFS and the like are looked for' },
] as const;

const FILES = [
  { name: '/etc/pve', meaning: "Proxmox VE's configuration: guests, storages, jobs; see --pve-root" },
  { name: '/etc/vzdump.conf', meaning: 'what holds for dump where no option is given; see its --config' },
  { name: '/var/run/vzdump.lock', meaning: 'is locked while dump works, as by vzdump; see its --lock-file' },
  {
    name: 'ARCHIVE.idx',
    meaning: 'the index of an archive that could else be read from its beginning only; see --index-dir',
  },
  {
    name: '~/.cache/vzdump-format',
    meaning: 'indexes whose archives stand where nothing can be written; may be deleted at any time',
  },
  {
    name: '.vzdump-format-*.partial',
    meaning: 'what is being written, beside where it is going to be; can be deleted once nothing writes it',
  },
] as const;

/** Each variable once, however many commands have its option. */
function environment({ commands, commonOptions }: CommandTable): string[] {
  const specs = [...commands.flatMap(({ options }) => options), ...commonOptions];
  const named = specs.filter((spec) => spec.environment !== undefined);
  const defaults = new Map(named.map((spec) => [spec.environment!, spec]));
  return [
    text(
      'What the command line says comes first; then these variables; then configuration files; then what is usual. ' +
        'A switch is on with 1, and off with 0. An empty variable is as good as none.',
    ),
    ...[...defaults].sort().flatMap(([name, { flags }]) => {
      return item(`.B ${text(name)}`, `what ${flags.split(' ')[0]} is, where it is not given.`);
    }),
    ...VARIABLES.flatMap(({ name, meaning }) => item(`.B ${text(name)}`, `${meaning}.`)),
  ];
}

function synopsis(command: Command): string[] {
  const words = command.arguments.map(({ name }) => placeholder(name).toUpperCase());
  return [
    `.B vzdump\\-format ${text(command.name)}`,
    '[\\fIoption\\fR ...]\\&',
    `.I ${text(words.join(' '))}`,
  ];
}

function commandSection(command: Command): string[] {
  const { name, summary, examples } = command;
  return [
    `.SS ${text(name)}`,
    `${text(summary)}.`,
    ...command.arguments.flatMap((argument) =>
      item(`.I ${text(placeholder(argument.name).toUpperCase())}`, argument.description),
    ),
    ...[...optionGroups(command.options)].flatMap(([group, options]) => [
      ...(group === '' ? [] : ['.PP', `.B ${text(group)}`]),
      ...options.flatMap(optionItem),
    ]),
    '.PP',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.flatMap((example) => ['.PP', '.RS 4', '.nf', text(example), '.fi', '.RE']),
  ];
}

function optionItem(spec: OptionSpec): string[] {
  const { flags, short, description, choices, repeatable, numbered, environment: variable } = spec;
  const [name = '', value] = flags.split(' ');
  const names = short === undefined ? `.B ${text(name)}` : `.BR ${text(short)} ", " ${text(name)}`;
  const term = value === undefined ? names : `.BI "${text(name)} " ${text(placeholder(value))}`;
  const notes = [
    choices === undefined ? '' : `One of ${choices.join(', ')}.`,
    repeatable ? 'May be given several times.' : '',
    numbered ? 'N is a number, from 0 on.' : '',
    variable === undefined ? '' : `See ${variable}.`,
  ];
  return item(term, [`${description}.`, ...notes].filter((note) => note !== '').join(' '));
}

function item(term: string, description: string): string[] {
  return ['.TP', term, text(description)];
}

/** `<archive...>` → `archive...` */
function placeholder(name: string): string {
  return name.replace(/[<>]/g, '');
}

/** Text as roff prints it: no backslash, dash or line's beginning with a meaning of its own. */
function text(plain: string): string {
  const escaped = plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/[^\x20-\x7e]/gu, (character) => {
      return `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`;
    });
  return escaped.replace(/^(?=[.'])/, '\\&');
}
