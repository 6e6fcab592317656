import { type ByteSource, debugLog, mapOrdered, type Stage, stageOf } from '@vzdump-format/streams';
import { BufferPool, type FilledBuffer, gather } from '../buffers.js';
import {
  type Codec,
  type CompressOptions,
  checkedLevel,
  checkedThreads,
  type LevelRange,
  type ScanOptions,
} from '../codec.js';
import { encodeIndex } from '../seekable/index-file.js';
import { openIndex, openSegments } from '../seekable/segmented-source.js';
import type { Segment } from '../seekable/segments.js';
import { decompressLzo, lzopSegmentDecoder, scanLzop } from './decompress.js';
import { MAGIC } from './format.js';
import { encodeHeader } from './header.js';
import { compressedBound, JOB_SIZE, LzoThreads } from './jobs.js';

/** Only LZO1X-1 is written: `lzop -3`, the default, and all that vzdump asks for. */
const LZO_LEVELS: LevelRange = { min: 3, max: 3, default: 3 };

/** The file format of `lzop`, with LZO1X inside. */
export const lzo: Codec = {
  name: 'lzo',
  extensions: ['.lzo'],
  magic: [MAGIC],
  isIdentity: false,
  levels: LZO_LEVELS,
  threaded: true,
  canCompress: true,
  engine: async () => ({ name: 'wasm' }),
  compress: compressLzo,
  decompress: decompressLzo,
  async openSeekable(source, options = {}) {
    const index = await openIndex(source, 'lzo', options);
    const segments = index?.segments ?? (await scanLzop(source, options));
    return openSegments(source, segments, lzopSegmentDecoder, options, index);
  },
  buildIndex: (source, options) => encodeIndex(source, 'lzo', scanBlocks, options),
};

/** What the blocks hold is not decompressed, and so nothing of it is kept. */
async function* scanBlocks(source: ByteSource, options: ScanOptions): AsyncGenerator<Segment> {
  yield* await scanLzop(source, options);
}

/** One member, of the bytes that `lzop` would write, whatever the number of threads. */
function compressLzo(options: CompressOptions = {}): Stage {
  checkedLevel('lzo', LZO_LEVELS, options.level);
  const threads = checkedThreads(options.threads);
  return stageOf(async function* lzoped(source) {
    debugLog('lzo by wasm');
    debugLog('lzo: compressing, threads: %d', threads);
    const workers = new LzoThreads(threads, options.signal);
    const inputs = new BufferPool(JOB_SIZE);
    const outputs = new BufferPool(compressedBound(JOB_SIZE));
    try {
      yield encodeHeader();
      const compress = async ({ buffer: input, length }: FilledBuffer) => {
        const job = { kind: 'compress', input, length, output: outputs.take() } as const;
        return { ...job, ...(await workers.run(job, length)) };
      };
      for await (const { input, output, length } of mapOrdered(
        gather(source, inputs),
        2 * threads + 1,
        compress,
      )) {
        inputs.give(input);
        yield output.subarray(0, length);
        outputs.give(output);
      }
      yield new Uint8Array(4); // no more blocks
    } finally {
      workers.close();
    }
  }, options.signal);
}
