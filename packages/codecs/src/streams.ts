import type { Duplex } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import { toByteDuplex, toTransformStream } from '@vzdump-format/streams';
import type { Codec, CodecName, CompressOptions, DecompressOptions } from './codec.js';
import { codec } from './registry.js';

/**
 * Compresses as a Node stream: a Duplex in byte mode. It is destroyed with the stage's error, and when
 * `signal` is aborted.
 * @throws `CODEC_UNKNOWN`, `CODEC_LEVEL` and the like at once; `CODEC_READ_ONLY` when it cannot be written
 * @example createReadStream('disk.vma').pipe(createCompress('zstd', { threads: 2 }))
 */
export function createCompress(by: Codec | CodecName, options: CompressOptions = {}): Duplex {
  return toByteDuplex(codec(by).compress(options), options.signal);
}

/**
 * Decompresses as a Node stream: a Duplex in byte mode, destroyed with an `ArchiveError` that carries the
 * compressed offset.
 * @throws `CODEC_UNKNOWN` at once
 * @example createReadStream('disk.vma.gz').pipe(createDecompress('gzip'))
 */
export function createDecompress(by: Codec | CodecName, options: DecompressOptions = {}): Duplex {
  return toByteDuplex(codec(by).decompress(options), options.signal);
}

/**
 * As `createCompress`, for web streams.
 * @example blob.stream().pipeThrough(webCompress('gzip'))
 */
export function webCompress(
  by: Codec | CodecName,
  options: CompressOptions = {},
): TransformStream<Uint8Array, Uint8Array> {
  return toTransformStream(codec(by).compress(options), options.signal);
}

/**
 * As `createDecompress`, for web streams.
 * @example response.body.pipeThrough(webDecompress('zstd')).pipeThrough(webUnpackVma())
 */
export function webDecompress(
  by: Codec | CodecName,
  options: DecompressOptions = {},
): TransformStream<Uint8Array, Uint8Array> {
  return toTransformStream(codec(by).decompress(options), options.signal);
}
