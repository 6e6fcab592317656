import { type Command, longName, type OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';

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
