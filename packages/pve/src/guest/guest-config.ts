/**
 * A guest's configuration file, `qemu-server/VMID.conf` or `lxc/VMID.conf`, as a document of lines.
 *
 * ```
 * # description, a comment a line, percent-encoded      ┐
 * key: value                                            │ the current configuration
 * lxc.idmap: u 0 100000 65536      (containers only)    ┘
 *
 * [PENDING]                        changes not yet in force; `[pve:pending]` for containers
 * [special:fleecing]               what Proxmox VE itself keeps there (virtual machines only)
 * [before-upgrade]                 a snapshot's configuration
 * [2024-05-01]                     anything else: unknown, and passed over (virtual machines only)
 * ```
 *
 * A key is lower case letters, `_` and, for virtual machines, `-`, with digits at its end; where it stands
 * twice, the last one counts. Lines of a container that begin with `lxc.` go to LXC as they are, any number
 * of times, written with `:` or `=`. Blank lines mean nothing. Section headers are read in any case.
 *
 * Every line keeps its text, so that what was not changed is written back byte for byte, understood or not.
 * The text is the file's bytes as `bytesToPath` gives them.
 */

import { printableName } from '@vzdump-format/posix';
import {
  type ParseConfigOptions,
  splitLines,
  trimBlanks,
  warnOfLine,
  withoutLineEnd,
} from '../syntax/config-lines.js';

export type GuestType = 'qemu' | 'lxc';

export type GuestConfigLine =
  | { readonly kind: 'blank' | 'unknown'; readonly text: string }
  /** `comment` is what follows the `#`, undecoded. */
  | { readonly kind: 'comment'; readonly text: string; readonly comment: string }
  /** `raw` is a line for LXC. The value has no blanks around it. */
  | {
      readonly kind: 'property' | 'raw';
      readonly text: string;
      readonly key: string;
      readonly value: string;
    };

export interface GuestConfigSection {
  readonly kind: 'current' | 'pending' | 'special' | 'snapshot' | 'unknown';
  /** A snapshot's name, what follows `special:`, or what an unknown header says; empty otherwise. */
  readonly name: string;
  /** The header's line, empty for the current configuration. */
  readonly header: string;
  /** Each with its line feed; only the last one in a file can lack it. */
  readonly lines: readonly GuestConfigLine[];
}

export interface GuestConfig {
  readonly type: GuestType;
  /** The first one is the current configuration, be it empty. */
  readonly sections: readonly [GuestConfigSection, ...GuestConfigSection[]];
}

const KEY: Readonly<Record<GuestType, RegExp>> = {
  qemu: /^([a-z][a-z_-]*\d*):/,
  lxc: /^([a-z][a-z_]*\d*):/,
};

/**
 * Never fails: a line that is not understood, and a section that is not known, are kept without a meaning.
 * The warning is `CONFIG_LINE`.
 */
export function parseGuestConfig(
  text: string,
  type: GuestType,
  options: ParseConfigOptions = {},
): GuestConfig {
  const current: GuestConfigSection = { kind: 'current', name: '', header: '', lines: [] };
  const sections: { section: GuestConfigSection; lines: GuestConfigLine[] }[] = [
    { section: current, lines: [] },
  ];
  for (const [index, lineText] of splitLines(text).entries()) {
    const warn = (why: string) =>
      warnOfLine(`${why}: ${printableName(withoutLineEnd(lineText))}`, index + 1, options);
    const section = sectionHeader(lineText, type);
    if (section !== undefined) {
      if (section.kind === 'unknown') warn('skipping unknown section');
      sections.push({ section, lines: [] });
      continue;
    }
    const line = parseLine(lineText, type);
    const { section: around, lines } = sections.at(-1)!;
    if (line.kind === 'unknown' && around.kind !== 'unknown') warn('unable to parse config');
    lines.push(line);
  }
  const [first, ...others] = sections.map(({ section, lines }) => ({ ...section, lines }));
  return { type, sections: [first!, ...others] };
}

/** The inverse of `parseGuestConfig`. */
export function formatGuestConfig(config: GuestConfig): string {
  return config.sections.map(({ header, lines }) => header + lines.map(({ text }) => text).join('')).join('');
}

/** One line, with or without its line feed. A section's header is `unknown` here. */
export function parseLine(text: string, type: GuestType): GuestConfigLine {
  const content = trimBlanks(text);
  if (content === '') return { kind: 'blank', text };
  if (text.startsWith('#')) return { kind: 'comment', text, comment: withoutLineEnd(text).slice(1) };
  const raw = type === 'lxc' ? /^(lxc\.[a-z0-9_.-]+)(?::|\s*=)/.exec(text) : null;
  const match = raw ?? KEY[type].exec(text);
  if (match === null) return { kind: 'unknown', text };
  const value = trimBlanks(text.slice(match[0].length));
  if (raw === null && value === '') return { kind: 'unknown', text };
  return { kind: raw === null ? 'property' : 'raw', text, key: match[1]!, value };
}

/**
 * Whether a line holds what others may take for its end; but NUL stands between the variables of a
 * container's `env`.
 */
export function isMoreThanALine(line: GuestConfigLine, type: GuestType): boolean {
  const isEnv = type === 'lxc' && line.kind === 'property' && line.key === 'env';
  const text = withoutLineEnd(line.text);
  return /[\r\n]/.test(text) || (!isEnv && text.includes('\0'));
}

/** The value that counts in the current configuration. */
export function configValue(config: GuestConfig, key: string): string | undefined {
  return sectionValue(config.sections[0], key);
}

export function sectionValue(section: GuestConfigSection, key: string): string | undefined {
  const line = section.lines.findLast((each) => each.kind === 'property' && each.key === key);
  return line?.kind === 'property' ? line.value : undefined;
}

/** All values that count in the current configuration. */
export function configValues(config: GuestConfig): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of config.sections[0].lines) {
    if (line.kind === 'property') values.set(line.key, line.value);
  }
  return values;
}

/** The lines for LXC of a container's current configuration, in order. */
export function rawLxcLines(config: GuestConfig): readonly (readonly [key: string, value: string])[] {
  return config.sections[0].lines.flatMap((line) =>
    line.kind === 'raw' ? [[line.key, line.value] as const] : [],
  );
}

function sectionHeader(text: string, type: GuestType): GuestConfigSection | undefined {
  if (!text.startsWith('[')) return undefined;
  const content = trimBlanks(text);
  const found = (kind: GuestConfigSection['kind'], name = '') => ({ kind, name, header: text, lines: [] });
  if (type === 'qemu' ? /^\[PENDING\]$/i.test(content) : /^\[pve:pending\]$/i.test(content))
    return found('pending');
  const special = type === 'qemu' ? /^\[special:([^\s\]]+)\]$/i.exec(content) : null;
  if (special !== null) return found('special', special[1]);
  const snapshot = /^\[([a-z][a-z0-9_-]+)\]$/i.exec(content);
  if (snapshot !== null) return found('snapshot', snapshot[1]);
  const unknown = type === 'qemu' ? /^\[(.*)\]$/s.exec(content) : null;
  return unknown === null ? undefined : found('unknown', unknown[1]);
}
