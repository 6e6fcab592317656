import { availableParallelism } from 'node:os';
import {
  ArchiveError,
  type Boundaries,
  type ByteSource,
  type OnWarning,
  type Stage,
} from '@vzdump-format/streams';

export interface CompressOptions {
  /** The codec's own scale (see `Codec.levels`); what the program of that name uses when none is given. */
  readonly level?: number | undefined;
  /** How many threads may work at a time; 1 unless given, 0 means half the cores, as in vzdump. */
  readonly threads?: number | undefined;
  /** Which library does it (zstd: `libzstd`, `node`, `@mongodb-js/zstd`; gzip, pigz: `node`, `js`). */
  readonly engine?: string | undefined;
  /** gzip, pigz: a change of the input changes the output only nearby, at 1 % of the ratio. */
  readonly rsyncable?: boolean | undefined;
  /** zstd: independent frames and a seek table, which is the default; `false` gives one frame. */
  readonly seekable?: boolean | undefined;
  /** zstd: the most content in a frame, up to 64 MiB; 4 MiB unless given, 6 MiB with `boundaries`. */
  readonly frameSize?: number | undefined;
  /** Where the content is best divided; a codec that compresses in parts begins one at each. */
  readonly boundaries?: Boundaries | undefined;
  /** zstd: the window of one long frame, as a power of two from 10 to 31; readers need as much memory. */
  readonly windowLog?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DecompressOptions {
  /** How many threads may work at a time; every core, but 4 at most, unless given. 0 means half the cores. */
  readonly threads?: number | undefined;
  /** As in `CompressOptions`. */
  readonly engine?: string | undefined;
  /** zstd: the largest window to allocate, as a power of two; 27 (128 MiB) unless given, 31 at most. */
  readonly maxWindowLog?: number | undefined;
  /** Told of zero padding behind the end. */
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SeekableOptions extends DecompressOptions {
  /**
   * What `buildIndex` gave for this very file; needed where the file itself does not tell enough. Closed with
   * the content, and left open when that cannot be opened.
   */
  readonly index?: ByteSource | undefined;
  /** When the file was last modified, in nanoseconds since the epoch. */
  readonly modified?: bigint | undefined;
  /** How much decompressed content to keep, and to have ahead, in bytes; 128 MiB unless given. */
  readonly cacheBytes?: number | undefined;
}

export interface IndexOptions extends DecompressOptions {
  /** About so much content, in bytes, lies between two places; zstd: 8 MiB, gzip: 4 MiB unless given. */
  readonly span?: number | undefined;
  /** When the file was last modified, in nanoseconds since the epoch; kept in the index. */
  readonly modified?: bigint | undefined;
  /** Told how far in the compressed file the index has come, in bytes. */
  readonly onProgress?: ((offset: number) => void) | undefined;
  /**
   * Takes all of the content, in order, and gives what of it the index is to keep: ranges of up to 64 KiB,
   * which `readUnproven` then has without decompressing anything.
   */
  readonly keep?: ((content: Uint8Array) => readonly KeptRange[] | Promise<readonly KeptRange[]>) | undefined;
}

/** A range of the content. */
export interface KeptRange {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What a scan for places to begin at is told, beside what the caller of `buildIndex` says. */
export interface ScanOptions extends IndexOptions {
  /** Takes all of the content, in order; not every scan decompresses any unless this is given. */
  readonly onContent?: ((content: Uint8Array) => Promise<void>) | undefined;
}

export interface LevelRange {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

/** What does a codec's work. */
export interface CodecEngine {
  readonly name: string;
  /** Of the library, where that is not part of this program. */
  readonly version?: string;
}

/** What codecs are called; where a codec is taken, its name is enough. */
export type CodecName = 'none' | 'lzo' | 'gzip' | 'pigz' | 'zstd' | 'bzip2';

/** One compressed format. A row of the registry. */
export interface Codec {
  readonly name: CodecName;
  /** With the dot; the first is what new files get. */
  readonly extensions: readonly string[];
  /** Beginnings by which the format is known, all of them; none for `none`. */
  readonly magic: readonly Uint8Array[];
  /** Whether it leaves the bytes as they are: an archive that is not compressed has this codec. */
  readonly isIdentity: boolean;
  /** Undefined when there is nothing to choose. */
  readonly levels: LevelRange | undefined;
  /** Whether `threads` makes a difference. */
  readonly threaded: boolean;
  /** Whether it can be written, and not only read. */
  readonly canCompress: boolean;
  /**
   * What does it on this machine, unless another `engine` is asked for.
   * @throws `ZSTD_ENGINE` when nothing does
   */
  engine(): Promise<CodecEngine>;
  /** @throws `CODEC_LEVEL` and the like at once; `CODEC_READ_ONLY` when it cannot be written. */
  compress(options?: CompressOptions): Stage;
  /** The stage throws `ArchiveError`s that carry the compressed offset. */
  decompress(options?: DecompressOptions): Stage;
  /**
   * The content at any offset. Closing it closes `source`, which is left open when this throws.
   * @throws `NOT_SEEKABLE`, with the way out as hint; `INDEX_STALE` and the like for a wrong index.
   */
  openSeekable(source: ByteSource, options?: SeekableOptions): Promise<ByteSource>;
  /**
   * Reads the file once to make an index for `openSeekable`, and gives its bytes as they are found.
   * @throws `NOT_SEEKABLE` when none can be made.
   */
  buildIndex(source: ByteSource, options?: IndexOptions): AsyncIterable<Uint8Array>;
}

/** The level to use. @throws `CODEC_LEVEL` when it is not in the range. */
export function checkedLevel(codec: string, levels: LevelRange, level = levels.default): number {
  if (Number.isInteger(level) && level >= levels.min && level <= levels.max) return level;
  const known =
    levels.min === levels.max ? `level ${levels.min} only` : `levels ${levels.min} to ${levels.max}`;
  throw new ArchiveError('CODEC_LEVEL', `${codec} has ${known}, not ${level}`);
}

/** vzdump's meaning of "half the cores": rounded up, at least one. */
export function halfTheCores(cores = availableParallelism()): number {
  return Math.floor((cores + 1) / 2);
}

/** The number of threads to use: 1 unless given, 0 for half the cores. @throws `CODEC_THREADS` */
export function checkedThreads(threads = 1): number {
  if (!Number.isInteger(threads) || threads < 0) {
    throw new ArchiveError('CODEC_THREADS', `not a number of threads: ${threads}`);
  }
  return threads === 0 ? halfTheCores() : threads;
}

/** One main thread cannot feed more readers than this. */
const MAX_READ_THREADS = 4;

/**
 * Reading may use the whole machine unless told otherwise, as someone waits for it. @throws `CODEC_THREADS`
 */
export function defaultReadThreads(threads?: number): number {
  return threads === undefined ? Math.min(MAX_READ_THREADS, availableParallelism()) : checkedThreads(threads);
}

const DEFAULT_SPAN = 8 << 20;
const LEAST_SPAN = 256 << 10;
const MOST_SPAN = 32 << 20;

/** @throws `CODEC_SPAN` */
export function checkedSpan(span = DEFAULT_SPAN): number {
  if (Number.isInteger(span) && span >= LEAST_SPAN && span <= MOST_SPAN) return span;
  const range = `${LEAST_SPAN} to ${MOST_SPAN} bytes`;
  throw new ArchiveError('CODEC_SPAN', `an index has places to begin at every ${range}, not every ${span}`);
}

/** @throws `CODEC_WINDOW` */
export function checkedWindowLog(windowLog: number): number {
  if (Number.isInteger(windowLog) && windowLog >= 10 && windowLog <= 31) return windowLog;
  throw new ArchiveError('CODEC_WINDOW', `a zstd window has 2^10 to 2^31 bytes, not 2^${windowLog}`);
}
