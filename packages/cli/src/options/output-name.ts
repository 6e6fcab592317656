import { basename, extname } from 'node:path';
import {
  type ArchiveFormat,
  formatForFileName,
  formatNamed,
  writtenExtensions,
} from '@vzdump-format/archives';
import { UsageError } from '../output/exit-status.js';

/**
 * The format that is asked for, be it by OUT's name or by --format; `undefined` when neither tells it: the
 * name is `-`, has no extension, or only that of a codec.
 * @throws UsageError when the two do not agree, or the name has an extension that means nothing
 */
export function formatOfOutput(out: string, asked: string | undefined): ArchiveFormat | undefined {
  const named = out === '-' ? undefined : formatForFileName(out);
  if (asked === undefined) {
    if (named === undefined && out !== '-') requireNoExtension(out);
    return named;
  }
  const format = formatNamed(asked);
  if (named === undefined || named === format) return format;
  throw new UsageError(
    `--format ${asked} does not fit the name '${out}'`,
    'leave it out: the name says which format it is',
  );
}

/** @throws UsageError */
export function failForUnknownName(out: string): never {
  const { formats, codecs } = writtenExtensions();
  throw new UsageError(
    `the name '${out}' does not tell the format`,
    `end it in ${alternatives(formats)}, with ${alternatives(codecs)} behind if it is to be compressed, or give --format`,
  );
}

/** What stands before a codec's extension counts, too: `a.zip.zst` is no better than `a.zip`. */
function requireNoExtension(out: string): void {
  const name = basename(out);
  const codec = writtenExtensions().codecs.find((extension) => name.endsWith(extension)) ?? '';
  if (extname(name.slice(0, name.length - codec.length)) !== '') failForUnknownName(out);
}

function alternatives(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
