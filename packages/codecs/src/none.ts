import { type Stage, stageOf } from '@vzdump-format/streams';
import type { Codec } from './codec.js';
import { encodeIndex } from './seekable/index-file.js';

/** No compression. An empty file is an empty archive here, which only the archive's reader can judge. */
export const none: Codec = {
  name: 'none',
  extensions: [],
  magic: [],
  isIdentity: true,
  levels: undefined,
  threaded: false,
  canCompress: true,
  engine: async () => ({ name: 'none' }),
  compress: passOn,
  decompress: passOn,
  openSeekable: async (source) => source,
  buildIndex: (source, options) => encodeIndex(source, 'none', () => [], options),
};

function passOn(options: { readonly signal?: AbortSignal | undefined } = {}): Stage {
  return stageOf(async function* passedOn(source) {
    for await (const chunk of source) {
      options.signal?.throwIfAborted();
      yield chunk;
    }
  }, options.signal);
}
