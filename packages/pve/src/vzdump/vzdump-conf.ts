import { bytesToPath, ifThere, printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';
import { type ParseConfigOptions, splitLines, trimBlanks } from '../config-syntax.js';
import { readConfigFile } from '../host/config-file.js';
import { type OptionValue, parseOptionValue } from './option-value.js';
import { type VzdumpOptionSpec, type VzdumpOptions, vzdumpOption } from './vzdump-options.js';

/** Where vzdump looks for it. */
export const VZDUMP_CONF = '/etc/vzdump.conf';

/**
 * Reads vzdump.conf: a line is `key: value`, without quotes and without comments behind it; blank lines and
 * those that begin with `#` mean nothing. Of a key that is given twice the last one counts, but for
 * `exclude-path`, which adds up, and whose values are split like words in a shell.
 *
 * Never fails. What is not understood is passed over with a warning: `VZDUMP_CONF_LINE` for a line and
 * `VZDUMP_CONF_VALUE` for a value, in vzdump's words; `VZDUMP_CONF_KEY` for a key that is not known, or that
 * the command line alone can say.
 */
export function parseVzdumpConf(text: string, options: ParseConfigOptions = {}): VzdumpOptions {
  const { file = VZDUMP_CONF, onWarning } = options;
  const warn = (code: string, message: string) => onWarning?.({ code, message, entry: file });
  const texts = new Map<VzdumpOptionSpec, string[]>();
  const strangeKeys = new Map<string, string>();
  for (const lineText of splitLines(text)) {
    const line = trimBlanks(lineText);
    if (line === '' || line.startsWith('#')) continue;
    const key = /^(\S+?):/.exec(line)?.[1];
    if (key === undefined) {
      warn('VZDUMP_CONF_LINE', `ignore config line: ${printableName(line)}`);
      continue;
    }
    const spec = vzdumpOption(key);
    if (spec === undefined || spec.place === 'command-line') {
      strangeKeys.set(key, spec === undefined ? 'is not known' : 'counts on the command line only');
      continue;
    }
    const value = trimBlanks(line.slice(key.length + 1));
    const before = texts.get(spec);
    if (spec.type.kind === 'array' && before !== undefined) before.push(value);
    else texts.set(spec, [value]);
  }
  for (const [key, why] of strangeKeys) {
    warn('VZDUMP_CONF_KEY', `'${printableName(key)}' in '${file}' has no effect: it ${why}`);
  }
  const values: { [name: string]: OptionValue } = {};
  for (const [spec, valueTexts] of texts) {
    try {
      const value = fileValue(spec, valueTexts);
      if (value !== undefined) values[spec.name] = value;
    } catch (error) {
      warn('VZDUMP_CONF_VALUE', `parse error in '${file}' - '${spec.name}': ${(error as Error).message}`);
    }
  }
  if (values.storage !== undefined && values.dumpdir !== undefined) {
    delete values.dumpdir;
    warn('VZDUMP_CONF_VALUE', `both 'storage' and 'dumpdir' are set in '${file}' - 'dumpdir' does not count`);
  }
  return values;
}

/** `undefined` where nothing is said. */
function fileValue({ type }: VzdumpOptionSpec, texts: readonly string[]): OptionValue | undefined {
  if (type.kind === 'array') return texts.flatMap(shellWords);
  const [text = ''] = texts;
  return text === '' ? undefined : parseOptionValue(type, text);
}

function shellWords(text: string): readonly string[] {
  const words = splitShellWords(text);
  if (words === undefined) throw new Error(`a quote is not closed in '${printableName(text)}'`);
  return words.filter((word) => word !== '');
}

/**
 * What vzdump.conf says.
 * @param path of one that has to be there; unless given, the usual one, which need not
 */
export async function readVzdumpConf(path?: string, onWarning?: OnWarning): Promise<VzdumpOptions> {
  const file = path ?? VZDUMP_CONF;
  const bytes = await (path === undefined ? ifThere(readConfigFile(file)) : readConfigFile(file));
  return bytes === undefined ? {} : parseVzdumpConf(bytesToPath(bytes), { file, onWarning });
}

/**
 * Splits a line into words at blanks, as a shell does: a backslash takes the next character as it is, as it
 * does between double quotes; between single quotes nothing is special, though a quote after a backslash does
 * not end them. `undefined` when a quote is not closed.
 */
export function splitShellWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (character === '\\' && at + 1 < line.length) {
      word = (word ?? '') + (quote === "'" ? character : '') + line[++at];
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (!/\s/.test(character)) {
      word = (word ?? '') + character;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (quote !== '') return undefined;
  return word === undefined ? words : [...words, word];
}
