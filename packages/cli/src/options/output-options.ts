import { basename, extname } from 'node:path';
import {
  type ArchiveFormat,
  formatForFileName,
  formatNamed,
  writtenExtensions,
} from '@vzdump-format/archives';
import {
  type Codec,
  type CompressOptions,
  codecForCompressOption,
  codecForFileName,
} from '@vzdump-format/codecs';
import { debugLog } from '@vzdump-format/streams';
import { inGroup, type OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';
import { environmentName } from './environment.js';
import { wholeNumber } from './options.js';

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

const MAX_THREADS = 256;

/** For every command that writes an archive. */
export const codecOptions: readonly OptionSpec[] = inGroup('Compression', [
  {
    flags: '--compress <codec>',
    description: 'the codec, as in vzdump; 0 is none, 1 is lzo',
    choices: ['0', '1', 'gzip', 'lzo', 'zstd'],
  },
  {
    flags: '--pigz <threads>',
    description: 'compress gzip in threads, as in vzdump: 0 is gzip, 1 is half the cores',
    parse: (text) => wholeNumber('--pigz', text, 0, MAX_THREADS),
  },
  {
    flags: '--zstd <threads>',
    description: 'threads for zstd, as in vzdump: 1 unless given, 0 is half the cores',
    parse: (text) => wholeNumber('--zstd', text, 0, MAX_THREADS),
  },
  {
    flags: '--threads <threads>',
    description: 'threads for whichever codec it is; 0 is half the cores',
    environment: environmentName('threads'),
    sameAs: ['pigz', 'zstd'],
    parse: (text) => wholeNumber('--threads', text, 0, MAX_THREADS),
  },
  {
    flags: '--level <level>',
    description: "compression level; the codec's own default unless given",
    parse: (text) => wholeNumber('--level', text, 0),
  },
]);

export interface CodecOptions {
  readonly compress?: string;
  readonly pigz?: number;
  readonly zstd?: number;
  readonly threads?: number;
  readonly level?: number;
}

export interface CodecChoice {
  readonly codec: Codec;
  readonly compress: CompressOptions;
}

/** Decides by OUT's name and the options how to compress. @throws UsageError where they do not agree */
export function chooseCodec(out: string, options: CodecOptions): CodecChoice {
  const { compress: value, pigz, zstd, threads, level } = options;
  const named = codecOfName(out);
  if (named?.canCompress === false) {
    const hint = `written are ${writtenExtensions().codecs.join(', ')}`;
    throw new UsageError(`${named.name} is only read, not written`, hint);
  }
  const chosen = codecForCompressOption(value ?? named?.name.replace('none', '0') ?? '0', { pigz, zstd });
  if (named !== undefined && named.extensions[0] !== chosen.codec.extensions[0]) {
    throw new UsageError(
      `--compress ${value} does not fit the name '${out}'`,
      'leave it out: the name says which codec it is',
    );
  }
  requireLevel(chosen.codec, level);
  const reason = value !== undefined ? '--compress' : named !== undefined ? 'its name' : 'default';
  debugLog('%s: codec %s, by %s', out, chosen.codec.name, reason);
  const compress = { ...chosen.options, level, ...(threads === undefined ? {} : { threads }) };
  return { codec: chosen.codec, compress };
}

/** The codec that OUT's name stands for; none at all when it says nothing. */
function codecOfName(out: string): Codec | undefined {
  const codec = out === '-' ? undefined : codecForFileName(out);
  return codec?.isIdentity === true && formatForFileName(out) === undefined ? undefined : codec;
}

function requireLevel(codec: Codec, level: number | undefined): void {
  if (level === undefined) return;
  if (codec.levels === undefined)
    throw new UsageError('--level is for compressed archives, which this is not');
  try {
    codec.compress({ level });
  } catch (error) {
    throw new UsageError(`--level: ${(error as Error).message}`);
  }
}
