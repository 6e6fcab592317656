import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { parseRetention, type Retention } from '../backup/retention.js';
import { type Properties, parseBoolean, parsePropertyString, splitList } from '../config-syntax.js';

/** What an option's value can be. */
export type OptionType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly kind: 'number'; readonly min?: number; readonly max?: number }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'string'; readonly maxLength?: number; readonly pattern?: RegExp }
  /** Several, between commas, semicolons or blanks; each matches the pattern. */
  | { readonly kind: 'list'; readonly pattern: RegExp }
  /** Numbers of guests, as a list. */
  | { readonly kind: 'guests' }
  /** May be given several times; each time adds to it. */
  | { readonly kind: 'array' }
  | { readonly kind: 'properties'; readonly keys: PropertyTypes; readonly defaultKey?: string }
  | { readonly kind: 'retention' };

export type PropertyTypes = Readonly<
  Record<string, Extract<OptionType, { kind: 'boolean' | 'integer' | 'string' }>>
>;

interface ValueTypes {
  readonly boolean: boolean;
  readonly integer: number;
  readonly number: number;
  readonly choice: string;
  readonly string: string;
  readonly list: readonly string[];
  readonly guests: readonly number[];
  readonly array: readonly string[];
  readonly properties: Properties;
  readonly retention: Retention;
}

export type ValueOf<Type extends OptionType> = ValueTypes[Type['kind']];
export type OptionValue = ValueOf<OptionType>;

/**
 * Text → value, checked. Each text of an array is one more item of it; of all else there is one.
 * @throws `OPTION_VALUE`, in the words that Proxmox VE has for it
 */
export function parseOptionValue(type: OptionType, text: string): OptionValue {
  try {
    return parseValue(type, text);
  } catch (error) {
    if (!(error instanceof ArchiveError) || error.code === INVALID) throw error;
    throw new ArchiveError(INVALID, error.message, { hint: error.hint, cause: error });
  }
}

const INVALID = 'OPTION_VALUE';

function parseValue(type: OptionType, text: string): OptionValue {
  switch (type.kind) {
    case 'boolean':
      return parseBoolean(text) ?? failType('boolean', text);
    case 'integer':
      return parseNumber(text, /^[+-]?\d+$/, type);
    case 'number':
      return parseNumber(text, /^[+-]?\d+(?:\.\d+)?$/, type);
    case 'choice':
      if (type.choices.includes(text)) return text;
      throw invalid(
        `value '${printableName(text)}' does not have a value in the enumeration '${type.choices.join(', ')}'`,
      );
    case 'string':
      return checkedString(text, type);
    case 'list':
      return splitList(text).map((item) => checkedString(item, type));
    case 'guests':
      return splitList(text).map((item) => Number(checkedString(item, { pattern: GUEST_NUMBER })));
    case 'array':
      return [text];
    case 'properties':
      return checkedProperties(text, type);
    case 'retention':
      return parseRetention(text);
  }
}

/** Of a guest: 100 to 999999999. */
export const GUEST_NUMBER = /^[1-9]\d{2,8}$/;

function parseNumber(
  text: string,
  pattern: RegExp,
  { kind, min, max }: Extract<OptionType, { kind: 'integer' | 'number' }>,
): number {
  const number = pattern.test(text) ? Number(text) : failType(kind, text);
  if (min !== undefined && number < min) throw invalid(`value must have a minimum value of ${min}`);
  if (max !== undefined && number > max) throw invalid(`value must have a maximum value of ${max}`);
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : failType(kind, text);
}

function checkedString(
  text: string,
  { maxLength, pattern }: { readonly maxLength?: number; readonly pattern?: RegExp },
): string {
  if (maxLength !== undefined && [...text].length > maxLength) {
    throw invalid(`value may only be ${maxLength} characters long`);
  }
  if (pattern?.test(text) === false)
    throw invalid(`value '${printableName(text)}' does not match the regex pattern`);
  return text;
}

function checkedProperties(
  text: string,
  { keys, defaultKey }: Extract<OptionType, { kind: 'properties' }>,
): Properties {
  const properties = parsePropertyString(text, defaultKey);
  for (const [key, value] of properties) {
    const type = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (type === undefined) {
      throw invalid(
        `format error - ${printableName(key)}: property is not defined in schema and the schema does not allow additional properties`,
      );
    }
    try {
      parseOptionValue(type, value);
    } catch (error) {
      throw invalid(`format error - ${key}: ${(error as Error).message}`);
    }
  }
  return properties;
}

function failType(name: string, text: string): never {
  throw invalid(`type check ('${name}') failed - got '${printableName(text)}'`);
}

function invalid(message: string): ArchiveError {
  return new ArchiveError(INVALID, message);
}
