import { ArchiveError } from '@vzdump-format/streams';

/** @param hint the way out. */
export function notSeekable(what: string, hint: string): ArchiveError {
  return new ArchiveError('NOT_SEEKABLE', `cannot be read at any offset: ${what}`, { hint });
}

export const HINT_CONVERT = 'convert it: vzdump-format convert IN OUT.zst writes a seekable file';
export const HINT_NEW_INDEX = 'make it anew: vzdump-format index --force ARCHIVE';
export const HINT_INDEX = 'make an index: vzdump-format index ARCHIVE, or convert it to zstd';
