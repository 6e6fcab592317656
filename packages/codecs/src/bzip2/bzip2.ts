import { ArchiveError } from '@vzdump-format/streams';
import type { Codec } from '../codec.js';
import { HINT_CONVERT, notSeekable } from '../seekable/not-seekable.js';
import { MAGIC } from './bunzip.js';
import { decompressBzip2 } from './decompress.js';

/** What `bzip2` writes; for old archives only, and so for reading only. */
export const bzip2: Codec = {
  name: 'bzip2',
  extensions: ['.bz2'],
  magic: [MAGIC],
  isIdentity: false,
  levels: undefined,
  threaded: false,
  canCompress: false,
  engine: async () => ({ name: 'js' }),
  compress() {
    throw new ArchiveError('CODEC_READ_ONLY', 'bzip2 is only read, not written', {
      hint: 'zstd is faster and compresses better',
    });
  },
  decompress: (options) => decompressBzip2(options),
  openSeekable: async () => refuse(),
  buildIndex: async () => refuse(),
};

function refuse(): never {
  throw notSeekable('bzip2 files are only read from the beginning', HINT_CONVERT);
}
