import { ArchiveError, type ByteSource } from '@vzdump-format/streams';
import { bzip2 } from './bzip2/bzip2.js';
import {
  type Codec,
  type CodecName,
  type CompressOptions,
  halfTheCores,
  type IndexOptions,
  type SeekableOptions,
} from './codec.js';
import { gzip, pigz } from './gzip/gzip.js';
import { lzo } from './lzo/lzo.js';
import { none } from './none.js';
import { isPrefixOfAny } from './trailing.js';
import { zstd } from './zstd/zstd.js';

/** Every codec, one row each. Where two share a magic or an extension, the first stands for both. */
export const codecs: readonly Codec[] = [none, lzo, gzip, pigz, zstd, bzip2];

/** So many bytes from the beginning decide which codec it is. */
export const DETECT_BYTES = Math.max(...codecs.flatMap((row) => row.magic.map((magic) => magic.length)));

/** The codec of that name; a codec itself stays as it is. @throws `CODEC_UNKNOWN` */
export function codec(name: Codec | CodecName | (string & {})): Codec {
  if (typeof name === 'object') return name;
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

/** For files so short that their content does not tell the codec (see `detectCodec`). */
interface FileNameOption {
  readonly fileName?: string | undefined;
}

export interface OpenSeekableOptions extends SeekableOptions, FileNameOption {}

export interface BuildIndexOptions extends IndexOptions, FileNameOption {}

/**
 * The uncompressed content of a file, at any offset, whatever it is compressed with. Closing it closes
 * `source`, which is left open when this throws.
 * @throws `NOT_SEEKABLE`, with the way out as hint.
 */
export async function openSeekable(
  source: ByteSource,
  options: OpenSeekableOptions = {},
): Promise<ByteSource> {
  return (await codecOf(source, options)).openSeekable(source, options);
}

/**
 * Reads a compressed file once to make an index of it, which `openSeekable` takes as `index`, and gives its
 * bytes as they are found. They are to be kept in a file beside it.
 * @throws `NOT_SEEKABLE` when none can be made.
 */
export async function* buildIndex(
  source: ByteSource,
  options: BuildIndexOptions = {},
): AsyncGenerator<Uint8Array> {
  yield* (await codecOf(source, options)).buildIndex(source, options);
}

async function codecOf(source: ByteSource, { fileName }: FileNameOption): Promise<Codec> {
  const head = new Uint8Array(Math.min(DETECT_BYTES, source.size));
  const length = await source.read(head, 0);
  return detectCodec(head.subarray(0, length), fileName);
}

/** A compressed format that is not read here. */
export interface ForeignCompression {
  readonly name: string;
  /** What writes its content to standard output, before the file's name. */
  readonly command: string;
  readonly magic: readonly Uint8Array[];
}

const bytes = (...hex: readonly string[]) => hex.map((each) => new Uint8Array(Buffer.from(each, 'hex')));

/** What people compress archives with besides, so that it can be called by its name. */
const FOREIGN: readonly ForeignCompression[] = [
  { name: 'xz', command: 'xz -dc', magic: bytes('fd377a585a00') },
  { name: 'lzma', command: 'xz -dc', magic: bytes('5d0000') },
  { name: 'lzip', command: 'lzip -dc', magic: bytes('4c5a4950') },
  { name: 'lz4', command: 'lz4 -dc', magic: bytes('04224d18', '02214c18') },
  { name: 'zip', command: 'unzip -p', magic: bytes('504b0304') },
  { name: '7z', command: '7z x -so', magic: bytes('377abcaf271c') },
  { name: 'compress (.Z)', command: 'gzip -dc', magic: bytes('1f9d') },
  { name: 'zlib', command: 'pigz -dc', magic: bytes('7801', '785e', '789c', '78da') },
];

/**
 * What a file is compressed with that is not read here; undefined when it looks like nothing of the kind. The
 * magic numbers of some are short: ask when the content is nothing else.
 */
export function foreignCompression(head: Uint8Array): ForeignCompression | undefined {
  return FOREIGN.find(({ magic }) =>
    magic.some((each) => head.length >= each.length && isPrefixOfAny(each, [head])),
  );
}
