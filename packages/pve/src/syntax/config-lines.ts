/**
 * What the readers of configuration files share: lines, the blanks around them, and warnings that name them.
 */

import type { OnWarning } from '@vzdump-format/streams';

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
