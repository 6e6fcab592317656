import { bytesToPath, pathToBytes } from '@vzdump-format/posix';
import { withCurrentLines, withoutKeys, withoutLines } from './edit-guest-config.js';
import { configValue, type GuestConfig, type GuestConfigLine } from './guest-config.js';

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
