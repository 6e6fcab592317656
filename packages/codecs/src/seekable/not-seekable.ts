import { ArchiveError, debugLog } from '@vzdump-format/streams';

/** @param hint the way out. */
export function notSeekable(what: string, hint: string): ArchiveError {
  debugLog('not seekable: %s', what);
  return new ArchiveError('NOT_SEEKABLE', `cannot be read at any offset: ${what}`, { hint });
}

export const HINT_CONVERT = 'convert it to zstd: what is written here is seekable';
export const HINT_NEW_INDEX = 'make the index anew, in its place';
export const HINT_INDEX = 'make an index of it, or convert it to zstd';
