import { ArchiveError } from '@vzdump-format/streams';

/** What a zstd library said: a message, and no code. */
export class LibraryError extends Error {}

export function truncated(offset: number): ArchiveError {
  return new ArchiveError('ZSTD_TRUNCATED', 'unexpected end of the zstd data', {
    offset,
    hint: 'the file is incomplete: was it copied whole?',
  });
}

/** @param offset where the frame's header, or its block, begins. */
export function frameDamage(what: string, offset: number, cause?: unknown): ArchiveError {
  return new ArchiveError('ZSTD_FRAME', `damaged zstd data: ${what}`, { offset, cause });
}

export function needsDictionary(id: number, offset: number): ArchiveError {
  return new ArchiveError('ZSTD_DICTIONARY', `the zstd data needs dictionary ${id}, which is not supported`, {
    offset,
    hint: 'decompress it with zstd -d -D DICTIONARY first',
  });
}

export function windowTooLarge(windowSize: number, maxWindowLog: number, offset: number): ArchiveError {
  const needed = Math.ceil(Math.log2(windowSize));
  const message = `the zstd data needs a window of ${windowSize} bytes, more than 2^${maxWindowLog}`;
  return new ArchiveError('ZSTD_WINDOW', message, {
    offset,
    hint:
      needed > 31
        ? 'it cannot be read'
        : `allow it with --long ${needed} (maxWindowLog); it takes as much memory`,
  });
}

/** What the library said about the bytes at `offset`. */
export function decoderError(error: LibraryError, offset: number): ArchiveError {
  const { message } = error;
  if (message.includes("doesn't match checksum")) {
    return new ArchiveError('ZSTD_CHECKSUM', 'the checksum of the zstd data does not match', {
      offset,
      cause: error,
    });
  }
  return frameDamage(message, offset, error);
}
