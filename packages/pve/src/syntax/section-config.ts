import { printableName } from '@vzdump-format/posix';
import { type ParseConfigOptions, splitLines, warnOfLine, withoutLineEnd } from './config-lines.js';

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
