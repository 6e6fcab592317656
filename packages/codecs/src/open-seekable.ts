import type { ByteSource } from '@vzdump-format/streams';
import type { Codec, SeekableOptions } from './codec.js';
import { DETECT_BYTES, detectCodec } from './registry.js';

export interface OpenSeekableOptions extends SeekableOptions {
  /** For files so short that their content does not tell the codec (see `detectCodec`). */
  readonly fileName?: string | undefined;
}

/**
 * The uncompressed content of a file, at any offset, whatever it is compressed with. Closing it closes
 * `source`, which is left open when this throws.
 * @throws `NOT_SEEKABLE`, with the way out as hint.
 */
export async function openSeekable(
  source: ByteSource,
  options: OpenSeekableOptions = {},
): Promise<ByteSource> {
  return (await codecOf(source, options)).openSeekable(source, options);
}

/**
 * Reads a compressed file once to make an index of it, which `openSeekable` takes as `index`. It is to be
 * kept in a file beside it. @throws `NOT_SEEKABLE` when none can be made.
 */
export async function buildIndex(source: ByteSource, options: OpenSeekableOptions = {}): Promise<Uint8Array> {
  return (await codecOf(source, options)).buildIndex(source, options);
}

async function codecOf(source: ByteSource, { fileName }: OpenSeekableOptions): Promise<Codec> {
  const head = new Uint8Array(Math.min(DETECT_BYTES, source.size));
  const length = await source.read(head, 0);
  return detectCodec(head.subarray(0, length), fileName);
}
