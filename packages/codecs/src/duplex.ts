import type { Duplex } from 'node:stream';
import { toByteDuplex } from '@vzdump-format/streams';
import type { Codec, CompressOptions, DecompressOptions } from './codec.js';

/**
 * Compresses as a Node stream: a Duplex in byte mode. It is destroyed with the stage's error, and when
 * `signal` is aborted.
 * @throws `CODEC_LEVEL` and the like at once; `CODEC_READ_ONLY` when it cannot be written
 * @example createReadStream('disk.vma').pipe(createCompress(codec('zstd'), { threads: 2 }))
 */
export function createCompress(codec: Codec, options: Omit<CompressOptions, 'reuseBuffers'> = {}): Duplex {
  return toByteDuplex(codec.compress({ ...options, reuseBuffers: false }), options.signal);
}

/**
 * Decompresses as a Node stream: a Duplex in byte mode, destroyed with an `ArchiveError` that carries the
 * compressed offset.
 * @example response.body.pipe(createDecompress(codec('gzip')))
 */
export function createDecompress(
  codec: Codec,
  options: Omit<DecompressOptions, 'reuseBuffers'> = {},
): Duplex {
  return toByteDuplex(codec.decompress({ ...options, reuseBuffers: false }), options.signal);
}
