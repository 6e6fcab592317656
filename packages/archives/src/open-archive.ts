import { type Codec, codecForFileName, DETECT_BYTES, detectCodec } from '@vzdump-format/codecs';
import {
  ArchiveError,
  ByteReader,
  type ByteSource,
  debugLog,
  FileSource,
  type Items,
  type OnWarning,
  type RateLimiter,
  readChunks,
  readFully,
  ThrottledSource,
  throttle,
} from '@vzdump-format/streams';
import {
  type ArchiveBytes,
  type ArchiveFormat,
  FORMAT_DETECT_BYTES,
  type StoredArchive,
} from './archive-format.js';
import { type IndexPlaceOptions, openByIndex, readByIndex } from './find-index.js';
import { detectFormat, formatForFileName } from './formats.js';
import { PayloadFile, payloadPathFor } from './split-output.js';

export interface OpenArchiveOptions extends IndexPlaceOptions {
  /** Where the contents of a split archive are; the file beside it (`a.ppxar` of `a.mpxar`) unless given. */
  readonly payload?: string | undefined;
  /** The largest window to allocate for decompression, as a power of two; see the codecs. */
  readonly maxWindowLog?: number | undefined;
  /**
   * Only parts of it are wanted: where a file can be entered in the middle, it is opened so (`source`), and
   * what nobody asks for is not read. Whoever reads all of it is faster without, and proves more.
   */
  readonly parts?: boolean | undefined;
  /**
   * Whether a file's index is used, by which all of it is decompressed in several parts at a time, too; yes
   * unless given. What stands between the parts, such as the checksum of a whole, is not looked at then.
   */
  readonly useIndex?: boolean | undefined;
  /** The archive as it is stored, compressed, is read no faster. */
  readonly limiter?: RateLimiter | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where an archive comes from: a path, a store, or bytes in motion. */
export type ArchiveInput = string | StoredArchive | Items<Uint8Array>;

/** An archive whose codec and format are known, with nothing consumed yet. */
export interface OpenArchive extends ArchiveBytes {
  readonly codec: Codec;
  readonly format: ArchiveFormat;
  close(): Promise<void>;
}

/**
 * Opens an archive and finds out what it is, by its content first.
 * @throws the system's error, `FORMAT_UNKNOWN`, or what the codec says of damage
 */
export async function openArchive(
  input: ArchiveInput,
  options: OpenArchiveOptions = {},
): Promise<OpenArchive> {
  const { limiter, signal } = options;
  if (isInMotion(input)) {
    const chunks = limiter === undefined ? input : throttle(limiter, signal && { signal })(input);
    return opened(await openStream(chunks, '', options), '', options);
  }
  const path = typeof input === 'string' ? input : input.path;
  const file = await (typeof input === 'string' ? FileSource.open(input) : input.open());
  try {
    return opened(await openFile(file, path, options), path, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function isInMotion(input: ArchiveInput): input is Items<Uint8Array> {
  return typeof input !== 'string' && (Symbol.asyncIterator in input || Symbol.iterator in input);
}

/** @throws `PAYLOAD_UNUSED` */
function opened(archive: OpenArchive, path: string, options: OpenArchiveOptions): OpenArchive {
  const name = path === '' ? 'a stream' : path;
  debugLog(
    '%s: %s, codec %s, %s',
    name,
    archive.format.name,
    archive.codec.name,
    wayOf(archive, path, options),
  );
  return withPayload(archive, path, options);
}

/** How the archive is read, and why, for the debug log. */
function wayOf({ source }: OpenArchive, path: string, { parts = false }: OpenArchiveOptions): string {
  if (source !== undefined) return 'read at any offset';
  if (path === '') return 'read from its beginning, as it is no file';
  return `read from its beginning, as ${parts ? 'it can be entered nowhere else' : 'all of it is wanted'}`;
}

/** @throws `PAYLOAD_UNUSED` */
function withPayload(archive: OpenArchive, path: string, options: OpenArchiveOptions): OpenArchive {
  const { format } = archive;
  const { limiter, signal } = options;
  const split = format.kind === 'tree' && format.split !== undefined ? format : undefined;
  if (options.payload !== undefined && split === undefined) {
    throw new ArchiveError('PAYLOAD_UNUSED', `a ${format.name} archive has no payload in another file`);
  }
  const payloadPath = options.payload ?? (split && payloadPathFor(split, path));
  if (payloadPath === undefined) return archive;
  debugLog('%s: with the contents in %s', path || 'a stream', payloadPath);
  const payload = new PayloadFile(payloadPath, (source) =>
    limiter === undefined ? source : new ThrottledSource(source, limiter, signal),
  );
  const close = () => payload.close().finally(() => archive.close());
  return { ...archive, payload: payload.open, close };
}

async function openFile(file: ByteSource, path: string, options: OpenArchiveOptions): Promise<OpenArchive> {
  const { signal, onWarning, limiter } = options;
  const source = limiter === undefined ? file : new ThrottledSource(file, limiter, signal);
  const start = Buffer.alloc(FORMAT_DETECT_BYTES);
  const head = start.subarray(0, await file.read(start, 0));
  const codec = detectCodec(head.subarray(0, DETECT_BYTES), path);
  if (codec.isIdentity) {
    const format = detectFormat(head, path);
    warnOfMisnomer(codec, path, onWarning);
    return { codec, format, bytes: format.read(source, signal), source, close: () => file.close() };
  }
  const content = await openUncompressed(source, codec, path, options);
  if (content !== undefined && options.parts) return openInTheMiddle(content, codec, path, options);
  if (content !== undefined) return openByParts(content, source, codec, path, options);
  const archive = await openStream(readChunks(source, { signal }), path, options);
  const close = () => archive.close().finally(() => file.close());
  const decompress = codec.decompress({ maxWindowLog: options.maxWindowLog, signal });
  return { ...archive, again: () => decompress(readChunks(source, { signal })), close };
}

/** What a file holds, at any offset, if that is of use; `undefined` where it is read from its beginning. */
async function openUncompressed(
  file: ByteSource,
  codec: Codec,
  path: string,
  { useIndex = true, parts = false, indexDirectory, ...options }: OpenArchiveOptions,
): Promise<ByteSource | undefined> {
  const { maxWindowLog, onWarning, signal } = options;
  if (useIndex) {
    const byIndex = { indexDirectory, maxWindowLog, onWarning, signal };
    const opened = await openByIndex(file, codec, path, byIndex);
    if (opened !== undefined) return opened.content;
  }
  if (!parts) return undefined;
  try {
    return await codec.openSeekable(file, { maxWindowLog, onWarning, signal });
  } catch (error) {
    if (error instanceof ArchiveError) return undefined; // reading it will tell what is wrong
    throw error;
  }
}

async function openInTheMiddle(
  content: ByteSource,
  codec: Codec,
  path: string,
  { onWarning, signal }: OpenArchiveOptions,
): Promise<OpenArchive> {
  try {
    const format = await formatAtRest(content, path);
    warnOfMisnomer(codec, path, onWarning);
    const bytes = format.read(content, signal);
    return { codec, format, bytes, source: content, close: () => content.close() };
  } catch (error) {
    await content.close();
    throw error;
  }
}

/** All of it is read, by an index. */
async function openByParts(
  content: ByteSource,
  file: ByteSource,
  codec: Codec,
  path: string,
  { maxWindowLog, onWarning, signal }: OpenArchiveOptions,
): Promise<OpenArchive> {
  const decompress = codec.decompress({ maxWindowLog, onWarning, signal });
  const fromBeginning = () => decompress(readChunks(file, { signal }));
  const read = () => readByIndex(content, fromBeginning, { archive: path, onWarning, signal });
  const archive = new ByteReader(read());
  const close = () => archive.close().finally(() => content.close());
  try {
    warnOfMisnomer(codec, path, onWarning);
    const format = detectFormat(await archive.peek(FORMAT_DETECT_BYTES), path);
    return { codec, format, bytes: archive.rest(), again: read, source: undefined, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** By its content; where that is damaged at its very beginning, by its name. */
async function formatAtRest(source: ByteSource, path: string): Promise<ArchiveFormat> {
  const head = Buffer.alloc(Math.min(FORMAT_DETECT_BYTES, source.size));
  try {
    await readFully(source, head, 0);
  } catch (error) {
    const named = error instanceof ArchiveError ? formatForFileName(path) : undefined;
    if (named === undefined) throw error;
    return named;
  }
  return detectFormat(head, path);
}

async function openStream(
  chunks: Items<Uint8Array>,
  fileName: string,
  options: OpenArchiveOptions,
): Promise<OpenArchive> {
  const { onWarning, maxWindowLog, signal } = options;
  const compressed = new ByteReader(chunks);
  let archive = compressed;
  const close = async () => {
    await archive.close();
    await compressed.close();
  };
  try {
    const codec = detectCodec(await compressed.peek(DETECT_BYTES), fileName);
    warnOfMisnomer(codec, fileName, onWarning);
    if (!codec.isIdentity) {
      const decompress = codec.decompress({ maxWindowLog, onWarning, signal });
      archive = new ByteReader(decompress(compressed.rest()));
    }
    const format = detectFormat(await archive.peek(FORMAT_DETECT_BYTES), fileName);
    return { codec, format, bytes: archive.rest(), source: undefined, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A name that tells neither codec nor format cannot be wrong. */
function warnOfMisnomer(codec: Codec, fileName: string, onWarning?: OnWarning): void {
  const named = codecForFileName(fileName);
  if (named === codec || (named.isIdentity && formatForFileName(fileName) === undefined)) return;
  onWarning?.({
    code: 'CODEC_MISNOMER',
    message: `${fileName} is named as ${inWords(named)}, but its content is ${inWords(codec)}`,
    entry: fileName,
  });
}

function inWords(codec: Codec): string {
  return codec.isIdentity ? 'not compressed' : codec.name;
}
