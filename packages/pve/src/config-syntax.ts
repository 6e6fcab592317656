import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type OnWarning } from '@vzdump-format/streams';

/**
 * What the readers of configuration files share: lines and the blanks around them, sections, warnings that
 * name a line; property strings, switches and sizes.
 */

export interface ParseConfigOptions {
  /** For messages. */
  readonly file?: string | undefined;
  readonly onWarning?: OnWarning | undefined;
}

/** Lines with their line feeds; other ends of lines are part of the text. */
export function splitLines(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** What ends a line: a line feed, perhaps after a carriage return, or nothing at the end of a file. */
export function lineEnd(text: string): string {
  if (!text.endsWith('\n')) return '';
  return text.endsWith('\r\n') ? '\r\n' : '\n';
}

export function withoutLineEnd(text: string): string {
  return text.slice(0, text.length - lineEnd(text).length);
}

/** `trim`, of ASCII's blanks only: others, as a no-break space, are part of a value. */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** Items between commas, semicolons and blanks. */
export function splitList(text: string): readonly string[] {
  return text.split(/[,;\s]+/).filter((item) => item !== '');
}

/** Warns of a line with `CONFIG_LINE`. @param number of the line, from 1 */
export function warnOfLine(message: string, number: number, { file, onWarning }: ParseConfigOptions): void {
  const where = file === undefined ? '' : `${file}, `;
  onWarning?.({ code: 'CONFIG_LINE', message: `${where}line ${number}: ${message}`, entry: file });
}

/**
 * A section of a file as storage.cfg:
 *
 * ```
 * dir: backup
 *         path /mnt/backup
 *         content backup,iso
 *         disable
 * ```
 *
 * A header, then indented keys, each with a value, or without one where it says something by being there; an
 * empty line ends it, and one of blanks means nothing. Lines whose first character that is no blank is `#`
 * are comments.
 */
export interface ConfigSection {
  readonly type: string;
  readonly id: string;
  /** Values by key, empty where there is none. */
  readonly properties: ReadonlyMap<string, string>;
}

/**
 * Never fails: a line that is not understood, and a key that its section has already, are passed over with
 * the warning `CONFIG_LINE`. A header that no empty line stands before begins a section too, with a warning,
 * as Proxmox VE would not see it.
 */
export function parseSections(text: string, options: ParseConfigOptions = {}): readonly ConfigSection[] {
  const sections: { type: string; id: string; properties: Map<string, string> }[] = [];
  let inSection = false;
  for (const [index, lineText] of splitLines(text).entries()) {
    const isEmpty = withoutLineEnd(lineText) === '';
    const line = lineText.trimEnd();
    const warn = (why: string) => warnOfLine(`${why}: ${printableName(line)}`, index + 1, options);
    const header = /^([^\s:]+):\s*(\S+)$/.exec(line);
    if (isEmpty) inSection = false;
    else if (line === '' || line.trimStart().startsWith('#')) continue;
    else if (header !== null) {
      if (inSection) warn('no empty line before the section, which Proxmox VE needs to see it');
      sections.push({ type: header[1]!, id: header[2]!, properties: new Map() });
      inSection = true;
    } else if (inSection && /^\s/.test(line)) {
      const [, key = '', value = ''] = /^(\S+)(?:\s+(.*))?$/s.exec(line.trimStart()) ?? [];
      const { properties } = sections.at(-1)!;
      if (properties.has(key)) warn('given twice, the first one counts');
      else properties.set(key, value);
    } else warn('ignore config line');
  }
  return sections;
}

/** The values of a property string by key, in the order in which they stand there. */
export type Properties = ReadonlyMap<string, string>;

/**
 * Reads a property string, as Proxmox VE keeps structured values in its configuration files:
 * `local:100/vm-100-disk-0.raw,size=32G,backup=0`.
 *
 * Parts are separated by commas, and blank parts do not count. Each is `key=value`; a part without `=` is the
 * value of the default key, where there is one. There are no quotes: a value cannot hold a comma.
 * @throws `PROPERTY_STRING`, in the words that Proxmox VE has for it
 */
export function parsePropertyString(text: string, defaultKey?: string): Properties {
  const properties = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const { key, value } = splitPart(part, defaultKey);
    if (key === undefined) throw malformed('value without key, but schema does not define a default key');
    if (key === '' || value === '') throw malformed('missing key in comma-separated list property');
    if (properties.has(key)) {
      throw malformed(`duplicate key in comma-separated list property: ${printableName(key)}`);
    }
    properties.set(key, value);
  }
  return properties;
}

/**
 * `parsePropertyString` for the value of a key of a guest's configuration, which the error then names.
 * @throws `CONFIG_VALUE`
 */
export function parsePropertiesOf(key: string, text: string, defaultKey?: string): Properties {
  try {
    return parsePropertyString(text, defaultKey);
  } catch (error) {
    throw badConfigValue(key, (error as Error).message, error);
  }
}

/** A key of a guest's configuration has a value that cannot be worked with. */
export function badConfigValue(key: string, why: string, cause?: unknown): ArchiveError {
  return new ArchiveError('CONFIG_VALUE', `${key} cannot be read: ${why}`, {
    entry: key,
    hint: "correct it in the guest's configuration",
    cause,
  });
}

/**
 * The inverse of `parsePropertyString`, as Proxmox prints it: the default key's value first and bare, then
 * the rest sorted by key. @throws `PROPERTY_STRING` for what could not be read back.
 */
export function formatPropertyString(properties: Properties, defaultKey?: string): string {
  const first = defaultKey === undefined ? undefined : properties.get(defaultKey);
  const keys = [...properties.keys()].filter((key) => key !== defaultKey).sort();
  const bare = first === undefined ? [] : [writable(first, /[,=\n]|^\s*$/)];
  const parts = keys.map(
    (key) => `${writable(key, /[,=\n]|^$/)}=${writable(properties.get(key)!, /[,\n]|^$/)}`,
  );
  return [...bare, ...parts].join(',');
}

/**
 * A property string in which one value is another; all else stays as it was written. A key that was not there
 * comes last. @throws `PROPERTY_STRING`
 */
export function replaceProperty(text: string, key: string, value: string, defaultKey?: string): string {
  const part = `${key}=${writable(value, /[,\n]|^$/)}`;
  const parts = text === '' ? [] : text.split(',');
  const at = parts.findIndex((each) => each.trim() !== '' && splitPart(each, defaultKey).key === key);
  if (at === -1) return [...parts, part].join(',');
  return parts.with(at, parts[at]!.includes('=') ? part : value).join(',');
}

/** `1`, `on`, `yes`, `true` and their opposites, in any case; `undefined` for anything else. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(?:1|on|yes|true)$/i.test(text)) return true;
  if (/^(?:0|off|no|false)$/i.test(text)) return false;
  return undefined;
}

function splitPart(part: string, defaultKey: string | undefined): { key: string | undefined; value: string } {
  const at = part.indexOf('=');
  if (at === -1) return { key: defaultKey, value: part };
  return { key: part.slice(0, at), value: part.slice(at + 1) };
}

function writable(text: string, refused: RegExp): string {
  if (!refused.test(text)) return text;
  throw malformed(`'${printableName(text)}' cannot be written in a property string`);
}

function malformed(message: string): ArchiveError {
  return new ArchiveError('PROPERTY_STRING', message);
}

const UNITS = ['', 'K', 'M', 'G', 'T'] as const;

/**
 * A size as it stands in a guest's configuration (`32G`, `528K`, `4194304`, `1.5T`) → bytes; a fraction of a
 * byte is cut off. `undefined` when it is none, or past 2^53.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text);
  if (match === null) return undefined;
  const [, number, unit] = match;
  const bytes = Math.trunc(Number(number) * 1024 ** UNITS.indexOf(unit as (typeof UNITS)[number]));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Bytes → a size in the largest unit that gives a whole number, as Proxmox VE writes it. No bytes are `0T`.
 */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (unit < UNITS.length - 1 && value % 1024 === 0) {
    value /= 1024;
    unit++;
  }
  return `${value}${UNITS[unit]}`;
}
