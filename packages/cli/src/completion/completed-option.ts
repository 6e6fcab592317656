import { allOptions, type Command, type CommandTable, type OptionSpec } from '../command.js';
import { firstNumbered } from '../options/spelling.js';

/** What an option's value is completed with. */
export type ValueSource = 'none' | 'text' | 'file' | 'directory' | readonly string[];

/** An option as the shells see it. */
export interface CompletedOption {
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
  'NAME=PATH': 'file',
  directory: 'directory',
};

/** Every option that a command takes. */
export function optionsOf(command: Command, { commonOptions }: CommandTable): CompletedOption[] {
  const help: OptionSpec = { flags: '--help', description: 'show how it is used' };
  return [...allOptions(command, commonOptions), help].map((spec) => {
    const { flags, description, choices, numbered = false, repeatable = numbered } = spec;
    const [written = '', placeholder = ''] = flags.replace(/[<>]/g, '').split(' ');
    const name = numbered ? firstNumbered(written) : written;
    if (placeholder.startsWith('[')) return { name, description, value: 'none', placeholder: '', repeatable };
    const value = choices ?? SOURCE_OF_PLACEHOLDER[placeholder] ?? 'text';
    return { name, description, value, placeholder, repeatable };
  });
}

/** What a command's arguments are completed with: words, if any of them is one. */
export function argumentsOf(command: Command): ValueSource {
  const sources = command.arguments.map(({ values }) => values ?? 'text');
  return sources.find((source) => typeof source !== 'string') ?? sources[0] ?? 'none';
}
