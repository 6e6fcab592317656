import { ArchiveError } from '@vzdump-format/streams';
import { bzip2 } from './bzip2/bzip2.js';
import type { Codec, CompressOptions } from './codec.js';
import { gzip } from './gzip/gzip.js';
import { lzo } from './lzo/lzo.js';
import { none } from './none/none.js';
import { halfTheCores } from './options.js';
import { pigz } from './pigz/pigz.js';
import { isPrefixOfAny } from './trailing.js';
import { zstd } from './zstd/zstd.js';

/** Every codec, one row each. Where two share a magic or an extension, the first stands for both. */
export const codecs: readonly Codec[] = [none, lzo, gzip, pigz, zstd, bzip2];

/** So many bytes from the beginning decide which codec it is. */
export const DETECT_BYTES = Math.max(...codecs.flatMap((row) => row.magic.map((magic) => magic.length)));

/** The codec of that name. @throws `CODEC_UNKNOWN` */
export function codec(name: string): Codec {
  const found = codecs.find((row) => row.name === name);
  if (found !== undefined) return found;
  throw new ArchiveError('CODEC_UNKNOWN', `no codec is named '${name}'`, {
    hint: `there are ${codecs.map((row) => row.name).join(', ')}`,
  });
}

/** The codec that a file name's extension stands for; `none` when it has no known one. */
export function codecForFileName(name: string): Codec {
  return codecs.find((row) => row.extensions.some((extension) => name.endsWith(extension))) ?? none;
}

/**
 * The codec of a file, by its content. The name decides only where the content cannot: when the file ends
 * within the magic, so that an empty `.zst` is a truncated zstd file and not an empty archive. A file whose
 * name and content disagree is what its content is; compare with `codecForFileName` to warn of it.
 * @param head the first `DETECT_BYTES` bytes, or the whole file when it is shorter.
 */
export function detectCodec(head: Uint8Array, fileName = ''): Codec {
  const known = codecs.find((row) =>
    row.magic.some((magic) => head.length >= magic.length && isPrefixOfAny(magic, [head])),
  );
  if (known !== undefined) return known;
  const named = codecForFileName(fileName);
  const cutShort = head.length < DETECT_BYTES && isPrefixOfAny(head, named.magic);
  return cutShort ? named : none;
}

/** vzdump's options beside `compress`, as in vzdump.conf. */
export interface CompressThreads {
  /** 0 = gzip, 1 = half the cores, else the number of threads. */
  readonly pigz?: number | undefined;
  /** 1 unless given, 0 = half the cores. */
  readonly zstd?: number | undefined;
  /** Logical CPUs; those of this machine unless given. */
  readonly cores?: number | undefined;
}

export interface CompressChoice {
  readonly codec: Codec;
  readonly options: CompressOptions;
}

/**
 * What vzdump's `compress` value stands for.
 * @throws `CODEC_UNKNOWN`
 */
export function codecForCompressOption(
  value: string | number,
  threads: CompressThreads = {},
): CompressChoice {
  switch (String(value)) {
    case '':
    case '0':
      return { codec: none, options: {} };
    case '1':
    case 'lzo':
      return { codec: lzo, options: {} };
    case 'gzip':
      return gzipChoice(threads.pigz ?? 0, threads.cores);
    case 'zstd':
      return {
        codec: zstd,
        options: { threads: threads.zstd === 0 ? halfTheCores(threads.cores) : threads.zstd },
      };
    default:
      throw new ArchiveError('CODEC_UNKNOWN', `unknown compression option '${value}'`, {
        hint: 'vzdump knows 0, 1, gzip, lzo and zstd',
      });
  }
}

function gzipChoice(threads: number, cores?: number): CompressChoice {
  if (threads === 0) return { codec: gzip, options: { rsyncable: true } };
  return {
    codec: pigz,
    options: { rsyncable: true, threads: threads === 1 ? halfTheCores(cores) : threads },
  };
}
