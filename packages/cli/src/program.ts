import type { ArchiveWarning } from '@vzdump-format/streams';
import { Option, Command as Parser } from 'commander';
import { allOptions, type Command, type CommandTable, type OptionSpec } from './command.js';
import type { CommonOptions } from './options/options.js';
import { type NumberedValues, withNumbered } from './options/spelling.js';
import { exitStatuses } from './output/exit-status.js';

/** What a command line asks for. */
export interface Invocation {
  readonly command: Command;
  readonly args: readonly string[];
  readonly options: CommonOptions & Readonly<Record<string, unknown>>;
  /** Of the command line itself. */
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
      '--version',
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
  for (const spec of allOptions(command, commonOptions)) parser.addOption(toOption(spec));
  parser.addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`);
  parser.action(() => invoke({ command, args: parser.args, options: parser.opts() }));
}

function toOption(spec: OptionSpec): Option {
  const { flags, description, choices, repeatable, numbered, parse } = spec;
  const option = new Option(flags, description);
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

function exitStatusHelp(): string {
  const lines = exitStatuses.map(({ status, meaning }) => `  ${String(status).padEnd(4)} ${meaning}`);
  return `Exit status:\n${lines.join('\n')}`;
}
