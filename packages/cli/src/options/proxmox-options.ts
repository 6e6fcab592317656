import {
  type OptionType,
  type OptionValue,
  parseOptionValue,
  type ValueOf,
  type VzdumpOptions,
  vzdumpOptions,
} from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import type { OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';
import { camelCase } from './environment.js';

/** An option as Proxmox VE has it, with its types and in its words. */
export interface ProxmoxOption {
  readonly name: string;
  readonly type: OptionType;
  /** As it would be written. */
  readonly default?: string;
  readonly description: string;
  /** What to do instead. */
  readonly deprecated?: string;
}

/**
 * What stands for an option's value, where its kind does not say it well; `file` and `directory` are
 * completed.
 */
export type Placeholders = Readonly<Record<string, string>>;

const PLACEHOLDERS_BY_KIND: Readonly<Record<OptionType['kind'], string>> = {
  boolean: '0|1',
  integer: 'n',
  number: 'n',
  choice: 'what',
  string: 'text',
  list: 'list',
  guests: 'vmids',
  array: 'text',
  properties: 'key=value',
  retention: 'rules',
};

/** As in Proxmox VE's programs, such options add up when they are given several times. */
const LIST_KINDS: ReadonlySet<OptionType['kind']> = new Set(['list', 'guests', 'array']);

/** A row of the option table. A switch may stand alone, or have a value behind it. */
export function optionSpec(option: ProxmoxOption, placeholders: Placeholders): OptionSpec {
  const { name, type, deprecated } = option;
  const placeholder = placeholders[name] ?? PLACEHOLDERS_BY_KIND[type.kind];
  const isSwitch = type.kind === 'boolean';
  const notes = [
    option.default === undefined ? '' : ` (${option.default})`,
    deprecated && `; deprecated: ${deprecated}`,
  ];
  return {
    flags: `--${name} ${isSwitch ? `[${placeholder}]` : `<${placeholder}>`}`,
    description: `${option.description}${notes.join('')}`,
    ...(type.kind === 'choice' && { choices: type.choices }),
    ...(LIST_KINDS.has(type.kind) && { repeatable: true }),
    parse: (text) => parseValue(option, text),
  };
}

/** What commander makes of them: by names in camel case. */
export type ParsedOptions = Readonly<Record<string, unknown>>;

/** By Proxmox VE's names. */
export type GivenOptions<Option extends ProxmoxOption> = {
  readonly [Each in Option as Each['name']]?: ValueOf<Each['type']>;
};

/** Those of the options that were given. */
export function givenOptions<Option extends ProxmoxOption>(
  options: readonly Option[],
  parsed: ParsedOptions,
): GivenOptions<Option> {
  const given = options.flatMap(({ name }) => {
    const value = parsed[camelCase(name)];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given) as GivenOptions<Option>; // each was parsed by its own type
}

/** @throws UsageError */
function parseValue({ name, type }: ProxmoxOption, text: string): OptionValue {
  try {
    return parseOptionValue(type, text);
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const hint = type.kind === 'boolean' ? `put it behind the arguments, or give --${name} 1` : error.hint;
    throw new UsageError(`--${name}: ${error.message}`, hint);
  }
}

const PLACEHOLDERS: Placeholders = {
  bwlimit: 'KiB/s',
  dumpdir: 'directory',
  'exclude-path': 'pattern',
  lockwait: 'minutes',
  node: 'name',
  pigz: 'threads',
  pool: 'id',
  script: 'file',
  stopwait: 'minutes',
  storage: 'id',
  tmpdir: 'directory',
  zstd: 'threads',
};

/** vzdump's options, by its own table. */
export const vzdumpOptionSpecs: readonly OptionSpec[] = vzdumpOptions.map((option) =>
  optionSpec(option, PLACEHOLDERS),
);

/** What commander makes of them: by names in camel case. */
export type ParsedVzdumpOptions = Readonly<Record<string, OptionValue | undefined>>;

/** The same by vzdump's names. */
export function givenVzdumpOptions(parsed: ParsedVzdumpOptions): VzdumpOptions {
  return givenOptions(vzdumpOptions, parsed);
}
