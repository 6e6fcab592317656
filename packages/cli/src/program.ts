import { readFileSync } from 'node:fs';
import { Option, Command as Parser } from 'commander';
import type { Command, OptionSpec } from './command.js';
import { commands } from './commands/index.js';
import { type CommonOptions, commonOptions } from './options.js';

/** What a command line asks for. */
export interface Invocation {
  readonly command: Command;
  readonly args: readonly string[];
  readonly options: CommonOptions & Readonly<Record<string, unknown>>;
}

/**
 * Makes the parser from the table of commands and options.
 * @param invoke is told what to do; help and version are printed without it
 */
export function buildProgram(invoke: (invocation: Invocation) => void): Parser {
  const program = new Parser('vzdump-format')
    .description('Read, write, check and take apart the backups of Proxmox VE, anywhere')
    .version(version(), '--version')
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} }); // errors are told like all others
  for (const command of commands) addCommand(program, command, invoke);
  return program;
}

function addCommand(program: Parser, command: Command, invoke: (invocation: Invocation) => void): void {
  const parser = program.command(command.name).summary(command.summary).description(command.summary);
  for (const { name, description } of command.arguments) parser.argument(name, description);
  for (const spec of [...command.options, ...commonOptions]) parser.addOption(toOption(spec));
  parser.addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`);
  parser.action(() => invoke({ command, args: parser.args, options: parser.opts() }));
}

function toOption({ flags, description, choices, repeatable, parse }: OptionSpec): Option {
  const option = new Option(flags, description);
  if (choices !== undefined) option.choices(choices);
  if (repeatable) {
    option.argParser((text, previous: readonly unknown[] = []) => [...previous, parse?.(text) ?? text]);
  } else if (parse !== undefined) {
    option.argParser(parse);
  }
  return option;
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return text;
}
