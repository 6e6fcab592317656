import { type Codec, codecForFileName, DETECT_BYTES, detectCodec } from '@vzdump-format/codecs';
import { ByteReader, FileSource, type OnWarning, readChunks } from '@vzdump-format/streams';
import { type ArchiveBytes, type ArchiveFormat, FORMAT_DETECT_BYTES } from './archive-format.js';
import { detectFormat, formatForFileName } from './formats.js';

/** Few and large reads, of which one is under way while the one before is used: measured to be the fastest. */
const READING = { chunkSize: 4 << 20, readAhead: 1, reuseBuffers: true };

export interface OpenArchiveOptions {
  /** The largest window to allocate for decompression, as a power of two; see the codecs. */
  readonly maxWindowLog?: number | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An archive whose codec and format are known, with nothing consumed yet. */
export interface OpenArchive extends ArchiveBytes {
  readonly codec: Codec;
  readonly format: ArchiveFormat;
  close(): Promise<void>;
}

/**
 * Opens an archive and finds out what it is, by its content first.
 * @param input a path, or bytes in motion
 * @throws the system's error, `FORMAT_UNKNOWN`, or what the codec says of damage
 */
export async function openArchive(
  input: string | AsyncIterable<Uint8Array>,
  options: OpenArchiveOptions = {},
): Promise<OpenArchive> {
  if (typeof input !== 'string') return openBytes(input, undefined, '', options);
  const file = await FileSource.open(input);
  try {
    const chunks = readChunks(file, { ...READING, signal: options.signal });
    return await openBytes(chunks, file, input, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openBytes(
  chunks: AsyncIterable<Uint8Array>,
  file: FileSource | undefined,
  fileName: string,
  options: OpenArchiveOptions,
): Promise<OpenArchive> {
  const { onWarning, maxWindowLog, signal } = options;
  const compressed = new ByteReader(chunks);
  let archive = compressed;
  try {
    const codec = detectCodec(await compressed.peek(DETECT_BYTES), fileName);
    const isCompressed = codec.magic.length > 0;
    warnOfMisnomer(codec, fileName, onWarning);
    if (isCompressed) {
      const decompress = codec.decompress({ maxWindowLog, onWarning, signal, reuseBuffers: true });
      archive = new ByteReader(decompress(compressed.rest()));
    }
    const format = detectFormat(await archive.peek(FORMAT_DETECT_BYTES), fileName);
    const close = async () => {
      await archive.close();
      await compressed.close();
      await file?.close();
    };
    return { codec, format, bytes: archive.rest(), source: isCompressed ? undefined : file, close };
  } catch (error) {
    await archive.close();
    await compressed.close();
    throw error;
  }
}

/** A name that tells neither codec nor format cannot be wrong. */
function warnOfMisnomer(codec: Codec, fileName: string, onWarning?: OnWarning): void {
  const named = codecForFileName(fileName);
  if (named === codec || (named.magic.length === 0 && formatForFileName(fileName) === undefined)) return;
  onWarning?.({
    code: 'CODEC_MISNOMER',
    message: `${fileName} is named as ${inWords(named)}, but its content is ${inWords(codec)}`,
    entry: fileName,
  });
}

function inWords(codec: Codec): string {
  return codec.magic.length === 0 ? 'not compressed' : codec.name;
}
