import { ArchiveError, ByteReader, debugLog, type Stage, stageOf } from '@vzdump-format/streams';
import type { Codec, DecompressOptions } from '../codec.js';
import { HINT_CONVERT, notSeekable } from '../seekable/segments.js';
import { readTrailing } from '../trailing.js';
import { WorkerPool, workerScript } from '../workers/pool.js';
import { MAGIC, type Step } from './bunzip.js';
import type { BunzipJob } from './worker.js';

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
  async *buildIndex() {
    yield refuse();
  },
};

function refuse(): never {
  throw notSeekable('bzip2 files are only read from the beginning', HINT_CONVERT);
}

const INPUT_SIZE = 256 * 1024;
/** A block takes the library a tenth of a second, but some damage makes it run for ever. */
const BLOCK_LIMIT = 60_000;
const RANDOMISED = 'a randomised block, which bzip2 made before version 0.9.5: that is not read here';

/**
 * All streams, one after the other, in a worker thread.
 * @param blockLimit milliseconds after which a block is given up as damaged.
 */
export function decompressBzip2(options: DecompressOptions = {}, blockLimit = BLOCK_LIMIT): Stage {
  const { onWarning } = options;
  return stageOf(async function* bunzipped(source) {
    debugLog('bzip2 by js');
    debugLog('bzip2: decompressing, threads: 1');
    const reader = new ByteReader(source);
    const worker = new WorkerPool<BunzipJob, Step>(workerScript('bzip2'), 1, options.signal);
    try {
      for (let step: Step = { kind: 'more' }; step.kind !== 'done'; ) {
        const more = step.kind === 'more' && !(await reader.atEnd());
        const chunk = more ? Uint8Array.from(await reader.readSome(INPUT_SIZE)) : new Uint8Array(0);
        const job = worker.run({ chunk, atEnd: await reader.atEnd() }, [chunk.buffer]);
        step = await withLimit(job, blockLimit, reader.offset);
        if (step.kind === 'content') yield* step.pieces;
        else if (step.kind === 'trailing') {
          const { rest, offset } = step;
          return await readTrailing(reader, { prefix: 'BZIP2', end: offset, first: rest, onWarning });
        } else throwIfBad(step);
      }
    } finally {
      worker.close();
      await reader.close();
    }
  }, options.signal);
}

async function withLimit(step: Promise<Step>, limit: number, offset: number): Promise<Step> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<Step>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'damage', what: 'a block does not end', offset }), limit);
  });
  return Promise.race([step, timeout]).finally(() => clearTimeout(timer));
}

function throwIfBad(step: Step): void {
  if (step.kind === 'truncated') {
    throw new ArchiveError('BZIP2_TRUNCATED', 'unexpected end of the bzip2 data', {
      offset: step.offset,
      hint: 'the file is incomplete: was it copied whole?',
    });
  }
  if (step.kind !== 'damage') return;
  const { what, offset } = step;
  if (what.includes('crc32')) {
    throw new ArchiveError('BZIP2_CHECKSUM', 'the checksum of the bzip2 data does not match', { offset });
  }
  if (what.includes('obsolete')) {
    const hint = 'decompress it first: bzip2 -dc ARCHIVE';
    throw new ArchiveError('BZIP2_RANDOMISED', RANDOMISED, { offset, hint });
  }
  throw new ArchiveError('BZIP2_DATA', 'not bzip2 data, or damaged', { offset, cause: new Error(what) });
}
