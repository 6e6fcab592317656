import { bytesToPath, pathToBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { lineEnd } from '../syntax/config-lines.js';
import {
  configValue,
  type GuestConfig,
  type GuestConfigLine,
  isMoreThanALine,
  parseLine,
} from './guest-config.js';

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
