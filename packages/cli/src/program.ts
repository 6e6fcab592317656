import { readFileSync } from 'node:fs';
import { type CodecEngine, codecs } from '@vzdump-format/codecs';
import { koffiVersion } from '@vzdump-format/posix';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { Option, Command as Parser } from 'commander';
import { allOptions, type Command, type CommandTable, type OptionSpec, optionGroups } from './command.js';
import { backups } from './commands/backups.js';
import { cat } from './commands/cat.js';
import { completion } from './commands/completion.js';
import { config } from './commands/config.js';
import { convert } from './commands/convert.js';
import { dump } from './commands/dump.js';
import { index } from './commands/index-command.js';
import { list } from './commands/list.js';
import { man } from './commands/man.js';
import { notes } from './commands/notes.js';
import { pack } from './commands/pack.js';
import { protect } from './commands/protect.js';
import { prune } from './commands/prune.js';
import { restore } from './commands/restore.js';
import { unpack } from './commands/unpack.js';
import { verify } from './commands/verify.js';
import { withEnvironment } from './options/environment.js';
import { type CommonOptions, commonOptions } from './options/options.js';
import { type NumberedValues, withNumbered } from './options/spelling.js';
import { exitStatuses } from './output/exit-status.js';

const table = (): CommandTable => ({ commands, commonOptions });

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  ...([pack, unpack, list, config, verify, cat, convert, index] as readonly Command[]),
  ...([dump, restore, backups, prune, notes, protect] as readonly Command[]),
  completion(table),
  man(table, version),
];

/** What a command line asks for. */
export interface Invocation {
  readonly command: Command;
  readonly args: readonly string[];
  readonly options: CommonOptions & Readonly<Record<string, unknown>>;
  /** About how the command line is written. */
  readonly warnings?: readonly ArchiveWarning[];
}

export interface ProgramOptions extends CommandTable {
  readonly version: string;
  /**
   * The command that is asked for, where that is known: of others, arguments and options are left out, as
   * that takes time.
   */
  readonly asked?: string | undefined;
  /** Is told what to do. */
  readonly invoke: (invocation: Invocation) => void;
  /** Is given the text of the help or the version, when that was asked for. */
  readonly show: (text: string) => void;
}

/**
 * Makes the parser from the table of commands and options. It throws a `CommanderError` where it ends
 * otherwise.
 */
export function buildProgram(options: ProgramOptions): Parser {
  const program = new Parser('vzdump-format')
    .description('Read, write, check and take apart the backups of Proxmox VE, anywhere')
    .version(
      options.version,
      '-V, --version',
      'show the version; with --verbose or --json, of Node and of the codecs too',
    )
    .addHelpText('after', `\n${exitStatusHelp()}`)
    .exitOverride()
    .configureOutput({ writeOut: options.show, writeErr: () => {} }); // errors are told like all others
  for (const command of options.commands) addCommand(program, command, options);
  return program;
}

function addCommand(program: Parser, command: Command, options: ProgramOptions): void {
  const { commonOptions, asked = command.name, invoke } = options;
  const parser = program.command(command.name).summary(command.summary).description(command.summary);
  if (asked !== command.name) return;
  for (const { name, description } of command.arguments) parser.argument(name, description);
  const specs = allOptions(command, commonOptions);
  for (const spec of [...optionGroups(specs).values()].flat()) parser.addOption(toOption(spec));
  const help = new Option('-h, --help', 'show how it is used').helpGroup(headingOf(commonOptions[0]));
  parser.addHelpOption(help);
  parser.addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`);
  parser.action(() => {
    const options = withEnvironment(parser.opts(), specs, process.env);
    invoke({ command, args: parser.args, options });
  });
}

function toOption(spec: OptionSpec): Option {
  const { flags, short, description, choices, repeatable, numbered, parse } = spec;
  const option = new Option(short === undefined ? flags : `${short}, ${flags}`, description);
  option.helpGroup(headingOf(spec));
  if (choices !== undefined) option.choices(choices);
  if (numbered) {
    option.argParser((text, previous?: NumberedValues) => withNumbered(spec, text, previous));
  } else if (repeatable) {
    option.argParser((text, previous: readonly unknown[] = []) => previous.concat(parse?.(text) ?? text));
  } else if (parse !== undefined) {
    option.argParser(parse);
  }
  return option;
}

function headingOf(spec: OptionSpec | undefined): string {
  return `${spec?.group ?? 'Options'}:`;
}

function exitStatusHelp(): string {
  const lines = exitStatuses.map(({ status, meaning }) => `  ${String(status).padEnd(4)} ${meaning}`);
  return `Exit status:\n${lines.join('\n')}`;
}

/** The version of this program. */
export function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** What this program stands on where it runs: what differs from one machine to the next. */
export interface Installation {
  readonly version: string;
  readonly node: string;
  /** `null` where it is not installed. */
  readonly koffi: string | null;
  /** What does each codec's work; `null` where nothing can. */
  readonly codecs: Readonly<Record<string, CodecEngine | null>>;
}

/** Finds out by loading it all. */
export async function installation(): Promise<Installation> {
  const engines = codecs
    .filter(({ isIdentity }) => !isIdentity)
    .map(async ({ name, engine }) => [name, await engine().catch(() => null)] as const);
  return {
    version: version(),
    node: process.versions.node,
    koffi: koffiVersion() ?? null,
    codecs: Object.fromEntries(await Promise.all(engines)),
  };
}

/** The same for people, the version alone in the first line. */
export function describeInstallation({ version, node, koffi, codecs }: Installation): string {
  const engines = Object.entries(codecs).map(([name, engine]) => {
    const words = engine === null ? ['missing'] : [engine.name, engine.version];
    return `${name}: ${words.filter((word) => word !== undefined).join(' ')}`;
  });
  return [version, `Node.js: ${node}`, `koffi: ${koffi ?? 'missing'}`, ...engines, ''].join('\n');
}
