import type { Writable } from 'node:stream';
import { type Codec, type CompressOptions, FrameStarts } from '@vzdump-format/codecs';
import { ArchiveError, Meter, metered, observed } from '@vzdump-format/streams';
import type { OperationOptions } from './archive-format.js';
import { formatForFileName } from './formats.js';
import type { OpenArchive } from './open-archive.js';
import { writeOutput } from './output-file.js';

export interface ConvertArchiveOptions extends OperationOptions {
  /** A path, which gets its name when all is written, or a stream, which is left open. */
  readonly output: string | Writable;
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  readonly codec: Codec;
  readonly compress?: CompressOptions;
}

export interface ConvertArchiveResult {
  /** Of the uncompressed archive. */
  readonly bytes: number;
  /** Bytes written. */
  readonly archiveBytes: number;
}

/**
 * Writes an archive anew with another codec, as a stream. It is verified on the way: a bad one does not get a name.
 * @throws what is wrong with the archive; `CONVERT_FORMAT` when the output's name says another format
 */
export async function convertArchive(
  archive: OpenArchive,
  options: ConvertArchiveOptions,
): Promise<ConvertArchiveResult> {
  const { output, codec, signal } = options;
  requireSameFormat(archive, output);
  const meter = new Meter();
  const frameStarts = new FrameStarts();
  const onFrameStart = (offset: number) => {
    // One whose header was cut in two by the chunks is known too late, and stays in the frame before.
    if (offset >= meter.progress.bytes) frameStarts.add(offset);
  };
  const verified = observed((bytes) =>
    archive.format.verify({ bytes, source: undefined }, { ...options, onFrameStart }),
  );
  const compress = codec.compress({ ...options.compress, frameStarts, reuseBuffers: true, signal });
  const bytes = compress(metered(meter)(verified(archive.bytes)));
  const archiveBytes = await writeOutput(bytes, output, options);
  return { bytes: meter.progress.bytes, archiveBytes };
}

function requireSameFormat(archive: OpenArchive, output: string | Writable): void {
  const wanted = typeof output === 'string' ? formatForFileName(output) : undefined;
  if (wanted === undefined || wanted === archive.format) return;
  throw new ArchiveError('CONVERT_FORMAT', `a ${archive.format.name} archive cannot become ${wanted.name}`);
}
