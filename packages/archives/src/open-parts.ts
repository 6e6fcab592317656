import { readFile } from 'node:fs/promises';
import type { Codec, SeekableOptions } from '@vzdump-format/codecs';
import { ArchiveError, type ByteSource, debugLog } from '@vzdump-format/streams';
import { INDEX_EXTENSION } from './index-archive.js';

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
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}
