import type { ArchiveWarning } from '@vzdump-format/streams';
import { allOptions, type Command, type CommandTable, longName, type OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';

export interface SpelledOut {
  readonly argv: readonly string[];
  /** The notice `OPTION_ABBREVIATED` for each option that was not written out. */
  readonly warnings: readonly ArchiveWarning[];
}

interface OptionWord {
  readonly given: string;
  /** Empty when it is not part of the word. */
  readonly value: string;
}

/**
 * Writes out what a command allows to be shortened: options as `--comp`, and `-compress` with one dash, as
 * Proxmox VE's programs take them. Values, and what comes after `--`, stay as they are.
 * @throws UsageError for what could be several options
 */
export function spelledOut(argv: readonly string[], { commands, commonOptions }: CommandTable): SpelledOut {
  const command = commands.find(({ name }) => name === argv[0]);
  if (command?.abbreviated === undefined) return { argv, warnings: [] };
  const known = new Map(allOptions(command, commonOptions).map((spec) => [nameOf(spec), spec]));
  const spelled: string[] = [];
  const warnings: ArchiveWarning[] = [];
  let isValue = false;
  for (const [index, word] of argv.entries()) {
    if (word === '--') return { argv: [...spelled, ...argv.slice(index)], warnings };
    const option: OptionWord | undefined = isValue ? undefined : optionIn(word);
    const name: string | undefined = option && fullName(option.given, known, command);
    isValue = name !== undefined && option!.value === '' && takesValue(known.get(name)!);
    if (name !== undefined && name !== option!.given) warnings.push(warning(word, name));
    spelled.push(name === undefined ? word : `--${name}${option!.value}`);
  }
  return { argv: spelled, warnings };
}

/** `--mode=stop` → `mode` and `=stop` */
function optionIn(word: string): OptionWord | undefined {
  const [, given, value = ''] = /^--?([a-z][^=]*)(=.*)?$/s.exec(word) ?? [];
  return given === undefined ? undefined : { given, value };
}

/** `undefined` for what is no option that we know. */
function fullName(
  given: string,
  known: ReadonlyMap<string, OptionSpec>,
  { abbreviated = [] }: Command,
): string | undefined {
  if (known.has(given)) return given;
  const names = abbreviated.map(nameOf).filter((name) => name.startsWith(given));
  if (names.length <= 1) return names[0];
  throw new UsageError(`option '--${given}' is ambiguous`, `it could be --${names.join(', --')}`);
}

function warning(given: string, name: string): ArchiveWarning {
  const word = given.replace(/=.*/s, '');
  const message = `option '${word}' is taken for '--${name}'`;
  return { code: 'OPTION_ABBREVIATED', message, isNotice: true };
}

function takesValue({ flags }: OptionSpec): boolean {
  return flags.includes('<');
}

/** `--bwlimit <KiB/s>` → `bwlimit` */
function nameOf(spec: OptionSpec): string {
  return longName(spec).slice('--'.length);
}
