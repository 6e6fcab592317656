import { ArchiveError } from '@vzdump-format/streams';
import {
  type OptionValue,
  parseOptionValue,
  type VzdumpOptionSpec,
  type VzdumpOptions,
  vzdumpOptions,
} from '@vzdump-format/vzdump';
import type { OptionSpec } from './command.js';
import { UsageError } from './exit-status.js';

/** What stands for an option's value, where its kind does not say it well; `file` and `directory` are completed. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
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

const PLACEHOLDERS_BY_KIND: Readonly<Record<VzdumpOptionSpec['type']['kind'], string>> = {
  boolean: '0|1',
  integer: 'n',
  choice: 'what',
  string: 'text',
  list: 'list',
  guests: 'vmids',
  array: 'text',
  properties: 'key=value',
  retention: 'rules',
};

/** vzdump's options, by its own table. */
export const vzdumpOptionSpecs: readonly OptionSpec[] = vzdumpOptions.map(optionSpec);

/** What commander makes of them: by names in camel case. */
export type ParsedVzdumpOptions = Readonly<Record<string, OptionValue | undefined>>;

/** The same by vzdump's names. */
export function givenVzdumpOptions(parsed: ParsedVzdumpOptions): VzdumpOptions {
  const given = vzdumpOptions.flatMap(({ name }) => {
    const value = parsed[camelCase(name)];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

function optionSpec(spec: VzdumpOptionSpec): OptionSpec {
  const { name, type, deprecated } = spec;
  const placeholder = PLACEHOLDERS[name] ?? PLACEHOLDERS_BY_KIND[type.kind];
  const isSwitch = type.kind === 'boolean';
  const notes = [
    spec.default === undefined ? '' : ` (${spec.default})`,
    deprecated && `; deprecated: ${deprecated}`,
  ];
  return {
    flags: `--${name} ${isSwitch ? `[${placeholder}]` : `<${placeholder}>`}`,
    description: `${spec.description}${notes.join('')}`,
    ...(type.kind === 'choice' && { choices: type.choices }),
    ...(type.kind === 'array' && { repeatable: true }),
    ...(type.kind !== 'array' && { parse: (text: string) => parseValue(spec, text) }),
  };
}

/** @throws UsageError */
function parseValue({ name, type }: VzdumpOptionSpec, text: string): OptionValue {
  try {
    return parseOptionValue(type, text);
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const wasGuest = type.kind === 'boolean' && /^\d{3,}$/.test(text);
    const hint = wasGuest ? `name guests before it, or give --${name} 1` : error.hint;
    throw new UsageError(`--${name}: ${error.message}`, hint);
  }
}

/** `exclude-path` → `excludePath` */
function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
