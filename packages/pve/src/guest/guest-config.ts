import { bytesToPath, pathToBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  lineEnd,
  type ParseConfigOptions,
  splitLines,
  trimBlanks,
  warnOfLine,
  withoutLineEnd,
} from '../config-syntax.js';

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
  /** The first one is the current configuration, which may be empty. */
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

/**
 * The configuration with a value in its current section; every other line stays as it is. A key that was not
 * there gets its place in the alphabet, where Proxmox VE writes it.
 * @throws `CONFIG_VALUE` when key and value would not be read back from one line.
 */
export function withValue(config: GuestConfig, key: string, value: string): GuestConfig {
  const content = `${key}: ${value}`;
  const line = parseLine(content, config.type);
  const isRead = line.kind === 'property' && line.key === key && line.value === value;
  if (!isRead || isMoreThanALine(line, config.type)) {
    throw new ArchiveError(
      'CONFIG_VALUE',
      `'${printableName(content)}' cannot be a line of a guest's configuration`,
    );
  }
  const { lines } = config.sections[0];
  const at = lines.findLastIndex((each) => each.kind === 'property' && each.key === key);
  if (at === -1) return withCurrentLines(config, insertLine(lines, placeFor(key, lines), line));
  return withCurrentLines(config, lines.with(at, { ...line, text: content + lineEnd(lines[at]!.text) }));
}

/** The configuration without the lines of its current section that `unwanted` picks. */
export function withoutLines(config: GuestConfig, unwanted: (line: GuestConfigLine) => boolean): GuestConfig {
  return withCurrentLines(
    config,
    config.sections[0].lines.filter((line) => !unwanted(line)),
  );
}

/** The configuration without the keys that `unwanted` picks, in its current section. */
export function withoutKeys(config: GuestConfig, unwanted: (key: string) => boolean): GuestConfig {
  return withoutLines(config, (line) => line.kind === 'property' && unwanted(line.key));
}

/** The configuration with other lines in its current section. */
export function withCurrentLines(config: GuestConfig, lines: readonly GuestConfigLine[]): GuestConfig {
  const [current, ...others] = config.sections;
  return { ...config, sections: [{ ...current, lines }, ...others] };
}

/**
 * The configuration without snapshots, pending changes and any other sections, and the blank lines before
 * them.
 */
export function currentOnly(config: GuestConfig): GuestConfig {
  const [current, ...others] = config.sections;
  if (others.length === 0) return config;
  const last = current.lines.findLastIndex(({ kind }) => kind !== 'blank');
  return { ...config, sections: [{ ...current, lines: current.lines.slice(0, last + 1) }] };
}

/** Before the first key that sorts after it, else after the last one, else after the description. */
function placeFor(key: string, lines: readonly GuestConfigLine[]): number {
  const later = lines.findIndex((line) => line.kind === 'property' && line.key > key);
  if (later !== -1) return later;
  const last = lines.findLastIndex((line) => line.kind === 'property');
  return last === -1 ? lines.findLastIndex((line) => line.kind === 'comment') + 1 : last + 1;
}

/** Puts a line between lines; one before it that has no line feed, at the end of a file, gets one. */
function insertLine(
  lines: readonly GuestConfigLine[],
  at: number,
  line: GuestConfigLine,
): readonly GuestConfigLine[] {
  const before = lines.slice(0, at).map((each) => (lineEnd(each.text) === '' ? ended(each) : each));
  return [...before, ended(line), ...lines.slice(at)];
}

function ended<Line extends GuestConfigLine>(line: Line): Line {
  return { ...line, text: `${line.text}\n` };
}

/**
 * A guest's description: the comments of its current configuration, each line ended by a line feed; in older
 * files the value of `description`. `undefined` when there is none.
 */
export function guestDescription(config: GuestConfig): string | undefined {
  const comments = config.sections[0].lines.flatMap((line) =>
    line.kind === 'comment' ? [`${decodeText(line.comment)}\n`] : [],
  );
  if (comments.length > 0) return comments.join('');
  const value = configValue(config, 'description');
  return value === undefined ? undefined : decodeText(value);
}

/** The configuration with this description in place of its own, without the empty lines at its end. */
export function withDescription(config: GuestConfig, description: string): GuestConfig {
  const bare = withoutLines(
    withoutKeys(config, (key) => key === 'description'),
    (line) => line.kind === 'comment',
  );
  const lines = description.split('\n');
  const last = lines.findLastIndex((line) => line !== '');
  const comments = lines.slice(0, last + 1).map((line): GuestConfigLine => {
    const comment = encodeText(line);
    return { kind: 'comment', text: `#${comment}\n`, comment };
  });
  return withCurrentLines(bare, [...comments, ...bare.sections[0].lines]);
}

/**
 * Text as Proxmox VE keeps it in one line: control characters, what is not ASCII, `:` and `%` as `%XX`, in
 * UTF-8.
 */
export function encodeText(text: string): string {
  return text.replace(/[^\x20-\x7e]+|[:%]/g, (special) =>
    pathToBytes(special)
      .toString('hex')
      .toUpperCase()
      .replace(/../g, (digits) => `%${digits}`),
  );
}

/** The inverse of `encodeText`. Bytes that are not UTF-8 are carried as in paths; what is no `%XX` stays. */
export function decodeText(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) =>
    bytesToPath(Buffer.from(encoded.replaceAll('%', ''), 'hex')),
  );
}
