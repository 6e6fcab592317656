import { readFileSync } from 'node:fs';
import { bytesToPath } from '@vzdump-format/posix';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { allOptions, type Command, type CommandTable, longName, type OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';

/** What is done to the command line before it is parsed: exact bytes, numbered options, abbreviations. */

/** What Node puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * The arguments with all their bytes, in which names need not be UTF-8, as paths have them. Where the system
 * does not tell, they are as Node has them.
 */
export function exactArguments(argv: readonly string[]): readonly string[] {
  if (argv.length === 0 || !argv.some((argument) => argument.includes(REPLACEMENT))) return argv;
  const exact = commandLine().slice(-argv.length);
  const isSame = argv.every((argument, index) => exact[index]?.toString() === argument);
  return isSame ? exact.map(bytesToPath) : argv;
}

/** Of this process, each argument ended by a NUL. */
function commandLine(): Buffer[] {
  let rest: Buffer;
  try {
    rest = readFileSync('/proc/self/cmdline');
  } catch {
    return [];
  }
  const all: Buffer[] = [];
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    all.push(rest.subarray(0, end));
    rest = rest.subarray(end + 1);
  }
  return all;
}

/** By names: `mp0` → `local:4,mp=/srv`. */
export type NumberedValues = ReadonlyMap<string, string>;

const NUMBERED = /^--?([a-z-]+)(\d{1,3})(=.*)?$/s;

/**
 * The parser knows an option by one name: `--mp3 local:4` becomes `--mpN 3=local:4`, and so do
 * `--mp3=local:4` and, as in Proxmox VE, `-mp3 local:4`.
 */
export function spellNumbered(argv: readonly string[], commands: readonly Command[]): string[] {
  const command = commands.find(({ name }) => name === argv[0]);
  const names = new Set(command?.options.filter(({ numbered }) => numbered).map(longName));
  const end = argv.indexOf('--');
  const spelled: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    const [, stem, number, rest] = (end === -1 || index < end ? NUMBERED.exec(word) : null) ?? [];
    if (stem === undefined || !names.has(`--${stem}N`)) {
      spelled.push(word);
      continue;
    }
    spelled.push(`--${stem}N`);
    const value = rest === undefined ? argv[++index] : rest.slice(1);
    if (value !== undefined) spelled.push(`${number}=${value}`);
  }
  return spelled;
}

/** One more value of such an option. @param text as `spellNumbered` writes it. @throws UsageError */
export function withNumbered(
  { flags, parse }: OptionSpec,
  text: string,
  previous: NumberedValues = new Map(),
): NumberedValues {
  const stem = flags.split('N ')[0]!;
  const [, number, value] = /^(\d{1,3})=(.*)$/s.exec(text) ?? [];
  if (number === undefined || value === undefined) {
    throw new UsageError(`${stem}N: N is a number`, `as ${stem}0`);
  }
  const name = `${stem.slice('--'.length)}${Number(number)}`;
  if (previous.has(name)) throw new UsageError(`--${name} is given twice`);
  return new Map([...previous, [name, String(parse?.(value) ?? value)]]);
}

/** `--mpN` → `--mp0` */
export function firstNumbered(name: string): string {
  return name.replace(/N$/, '0');
}

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
  const specs = allOptions(command, commonOptions);
  const known = new Map(specs.map((spec) => [nameOf(spec), spec]));
  const letters = new Set(specs.flatMap(({ short }) => short ?? []));
  const spelled: string[] = [];
  const warnings: ArchiveWarning[] = [];
  let isValue = false;
  for (const [index, word] of argv.entries()) {
    if (word === '--') return { argv: [...spelled, ...argv.slice(index)], warnings };
    const option: OptionWord | undefined = isValue || letters.has(word) ? undefined : optionIn(word);
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
