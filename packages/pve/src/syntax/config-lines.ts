import { printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';

/**
 * What the readers of configuration files share: lines, the blanks around them, and warnings that name them.
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
