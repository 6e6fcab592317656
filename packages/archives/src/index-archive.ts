import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buildIndex, type Codec, openSeekable, type SeekableOptions } from '@vzdump-format/codecs';
import {
  ArchiveError,
  type ByteSource,
  debugLog,
  FileSource,
  isNotFound,
  type OnWarning,
} from '@vzdump-format/streams';
import { writeOutput } from './output-file.js';

/** What is appended to an archive's path to name its index. */
export const INDEX_EXTENSION = '.idx';

export interface IndexArchiveOptions {
  /** Whether an index that exists is replaced. */
  readonly overwrite?: boolean;
  readonly maxWindowLog?: number | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a compressed file once and writes an index beside it, with which it can be read at any offset.
 * @returns the index's path and size, or `undefined` when the file can be read so as it is
 * @throws `NOT_SEEKABLE` for what no index helps, with the way out; `FILE_EXISTS`; what is wrong with the
 * file
 */
export async function indexArchive(
  path: string,
  options: IndexArchiveOptions = {},
): Promise<{ path: string; size: number } | undefined> {
  const file = await FileSource.open(path);
  try {
    if (await isSeekable(file, path, options)) return undefined;
    const index = await buildIndex(file, { ...options, fileName: path });
    const indexPath = path + INDEX_EXTENSION;
    return { path: indexPath, size: await writeOutput(Readable.from([index]), indexPath, options) };
  } finally {
    await file.close();
  }
}

/**
 * The uncompressed content of a file at any offset, by its index where there is one beside it.
 * @throws `NOT_SEEKABLE`, with the way out; `INDEX_STALE`, `INDEX_DAMAGED`
 */
export async function openUncompressed(path: string, options: IndexArchiveOptions = {}): Promise<ByteSource> {
  const file = await FileSource.open(path);
  try {
    const index = await readFile(path + INDEX_EXTENSION).catch(ignoreMissing);
    return await openSeekable(file, { ...options, index, fileName: path });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function isSeekable(file: FileSource, path: string, options: IndexArchiveOptions): Promise<boolean> {
  try {
    await (await openSeekable(borrowed(file), { ...options, fileName: path })).close();
    return true;
  } catch (error) {
    if (error instanceof ArchiveError && error.code === 'NOT_SEEKABLE') return false;
    throw error;
  }
}

/** A source that stays open when it is closed by who uses it. */
function borrowed(source: ByteSource): ByteSource {
  return { size: source.size, read: (buffer, offset) => source.read(buffer, offset), close: async () => {} };
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (!isNotFound(error)) throw error;
}

/**
 * The uncompressed content of a file at any offset: by the index beside it, or by what the file tells itself.
 * An index that is of no use is a warning, and not trusted. Closing the content closes `file`, which is left
 * open when there is none.
 * @returns `undefined` for what can be read from its beginning only, where what is wrong with it is told
 */
export async function openParts(
  file: ByteSource,
  codec: Codec,
  path: string,
  options: Omit<SeekableOptions, 'index'>,
): Promise<ByteSource | undefined> {
  const indexPath = path + INDEX_EXTENSION;
  const index = await readIndex(indexPath);
  if (index !== undefined) {
    try {
      const source = await codec.openSeekable(file, { ...options, index });
      debugLog('%s: the index beside the archive is used', indexPath);
      return source;
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      const { code, message, hint } = error;
      debugLog('%s: the index beside the archive is refused: %s', indexPath, message);
      options.onWarning?.({ code, message: `${indexPath}: ${message}`, entry: indexPath, hint });
    }
  }
  try {
    return await codec.openSeekable(file, options);
  } catch (error) {
    if (error instanceof ArchiveError) return undefined;
    throw error;
  }
}

async function readIndex(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return undefined;
  }
}
