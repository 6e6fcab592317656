import { codecs, type ForeignCompression, foreignCompression } from '@vzdump-format/codecs';
import { isPxarPayload } from '@vzdump-format/pxar';
import { ArchiveError } from '@vzdump-format/streams';
import type { ArchiveFormat } from './archive-format.js';
import { pxar } from './formats/pxar.js';
import { tar } from './formats/tar.js';
import { vma } from './formats/vma.js';

/** Every archive format, one row each. */
export const formats: readonly ArchiveFormat[] = [vma, tar, pxar];

/** The format of that name. @throws `FORMAT_UNKNOWN` */
export function formatNamed(name: string): ArchiveFormat {
  const found = formats.find((row) => row.name === name);
  if (found === undefined) throw unknownFormat(`no archive format is named '${name}'`);
  return found;
}

/** The format that a file name stands for, with or without a codec's extension. */
export function formatForFileName(name: string): ArchiveFormat | undefined {
  const endings = ['', ...codecs.flatMap((row) => row.extensions)];
  const found = formats.find((row) =>
    endings.some((ending) => extensionsOf(row).some((extension) => name.endsWith(extension + ending))),
  );
  return found ?? formats.find((row) => row.shortExtensions?.some((extension) => name.endsWith(extension)));
}

/**
 * How names of archives end that can be written: those of formats, and those of codecs that may stand behind
 * them.
 */
export function writtenExtensions(): {
  readonly formats: readonly string[];
  readonly codecs: readonly string[];
} {
  const written = codecs.filter((row) => row.canCompress).flatMap((row) => row.extensions.slice(0, 1));
  return { formats: formats.flatMap(extensionsOf), codecs: [...new Set(written)] };
}

/**
 * The format by its content; the name decides only for what is damaged at its very beginning.
 * @throws `FORMAT_UNKNOWN`; `CODEC_FOREIGN` for what is compressed with something that is not read here
 */
export function detectFormat(head: Uint8Array, fileName = ''): ArchiveFormat {
  const detected = formats.find((row) => row.detect(head));
  if (detected !== undefined) return detected;
  const foreign = foreignCompression(head);
  if (foreign !== undefined) throw foreignCodec(foreign);
  const named = formatForFileName(fileName);
  if (named !== undefined) return named;
  if (isPxarPayload(head)) throw payloadAlone();
  const beginning = Buffer.from(head.subarray(0, 8)).toString('hex');
  throw unknownFormat(
    head.length === 0
      ? 'there is nothing to read: it is empty'
      : `no archive that is known here begins with ${beginning}`,
  );
}

function unknownFormat(message: string): ArchiveError {
  const hint = `known are ${formats.flatMap(extensionsOf).join(', ')}, each with any codec`;
  return new ArchiveError('FORMAT_UNKNOWN', message, { hint });
}

function foreignCodec({ name, command }: ForeignCompression): ArchiveError {
  return new ArchiveError('CODEC_FOREIGN', `this is compressed with ${name}, which is not read here`, {
    offset: 0,
    hint: `decompress it first: ${command} ARCHIVE | vzdump-format … -`,
  });
}

function extensionsOf(row: ArchiveFormat): string[] {
  return row.kind === 'tree' && row.split !== undefined
    ? [row.extension, row.split.archive]
    : [row.extension];
}

function payloadAlone(): ArchiveError {
  return new ArchiveError(
    'FORMAT_UNKNOWN',
    'these are the contents of a split archive, without their names',
    {
      hint: 'name the archive (.mpxar), and this file with --payload if it is not beside it',
    },
  );
}
