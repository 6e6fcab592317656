import { collect, overwriting } from '@vzdump-format/testing';
import type { Codec, CompressOptions } from '../codec.js';
import { mixedBytes, randomBytes } from './bytes.js';

/** A codec, and what has to be known of it to try it. */
export interface CodecCase {
  readonly codec: Codec;
  /** How it is written, if in another way than unless told otherwise. */
  readonly options?: CompressOptions;
  /** Of its errors' codes: `GZIP`; undefined for one that finds nothing wrong. */
  readonly prefix: string | undefined;
  /** For a codec that only reads: a file, and what is in it. */
  readonly example?: CompressedFile;
  /** Where in a file headers, blocks and their data begin. */
  readonly placesIn: (file: Buffer) => Promise<readonly number[]>;
  /** Where a cut leaves a whole file, for all that whoever reads a stream can know. */
  readonly wholeBefore?: (file: Buffer) => Promise<readonly number[]>;
  /** Beginnings of files that claim to hold far more than there is. */
  readonly claims: readonly Buffer[];
  /** How its content is had at any offset. */
  readonly seekable: 'as it is' | 'by an index' | 'never';
  /** How many damaged files are tried: less where a worker thread is started for each. */
  readonly rounds: number;
}

export interface CompressedFile {
  readonly content: Buffer;
  readonly file: Buffer;
}

const SEVERAL_BLOCKS = Buffer.concat([mixedBytes(500_000), randomBytes(300_000), mixedBytes(400_000, 2)]);
/** Too little for any codec to start threads for it, which would take longer than all the rest. */
const LITTLE = mixedBytes(200_000, 7);

export function fileOfSeveralBlocks(tried: CodecCase): Promise<CompressedFile> {
  return compressed(tried, SEVERAL_BLOCKS);
}

export function smallFile(tried: CodecCase): Promise<CompressedFile> {
  return compressed(tried, LITTLE);
}

async function compressed({ codec, options, example }: CodecCase, content: Buffer): Promise<CompressedFile> {
  if (example !== undefined) return example;
  return { content, file: await collect(codec.compress(options)(overwriting(content, 65_536))) };
}
