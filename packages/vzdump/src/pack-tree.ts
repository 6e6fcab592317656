import type { Writable } from 'node:stream';
import { type Codec, type CompressOptions, FrameStarts } from '@vzdump-format/codecs';
import { type ExcludeRules, type FileEntry, walk } from '@vzdump-format/file-tree';
import { Meter, metered, type RateLimiter, throttle, type WriteAt, workAhead } from '@vzdump-format/streams';
import type { OperationOptions, TreeFormat } from './archive-format.js';
import { writeOutput } from './output-file.js';

export interface PackTreeOptions extends OperationOptions {
  readonly format: TreeFormat;
  /** A path, which gets its name when all is written, or a stream, which is left open. */
  readonly output: string | Writable;
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  /** See `WriteOutputOptions`. */
  readonly partialPath?: string | undefined;
  /** See `WriteOutputOptions`. */
  readonly writeAt?: WriteAt | undefined;
  readonly codec: Codec;
  readonly compress?: CompressOptions;
  readonly root: string;
  /** See `WalkOptions`. */
  readonly walk?: WalkChoices;
  readonly excludes?: ExcludeRules | undefined;
  /** Files that come before all else, by path: `etc/vzdump/pct.conf`. */
  readonly first?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** The uncompressed archive passes no faster: a limiter, or bytes a second (0 = unlimited), as cstream does for vzdump. */
  readonly limit?: RateLimiter | number | undefined;
}

type WalkChoices = Pick<
  NonNullable<Parameters<typeof walk>[1]>,
  'sources' | 'allFileSystems' | 'includedMounts' | 'idMap' | 'xattrs' | 'acls' | 'fcaps'
>;

export interface PackTreeResult {
  readonly entries: number;
  /** Of all files, holes included. */
  readonly bytes: number;
  /** Of the archive before it was compressed. */
  readonly uncompressedBytes: number;
  /** Bytes written. */
  readonly archiveBytes: number;
}

/** Packs a directory tree: walked, packed, throttled, compressed, written. */
export async function packTree(options: PackTreeOptions): Promise<PackTreeResult> {
  const { format, codec, first, excludes, onProgress, onWarning, signal } = options;
  const counts = { entries: 0, bytes: 0 };
  async function* counted(entries: AsyncIterable<FileEntry>): AsyncGenerator<FileEntry> {
    for await (const entry of entries) {
      counts.entries++;
      counts.bytes += entry.size;
      yield entry;
      onProgress?.(counts.bytes);
    }
  }
  const frameStarts = new FrameStarts();
  const walked = walk(options.root, {
    ...format.walkOptions,
    ...options.walk,
    ...{ excludes, reuseBuffers: true, onWarning, signal },
  });
  const onFrameStart = (offset: number) => frameStarts.add(offset);
  const archive = format.pack(counted(walked), { first, onFrameStart, onWarning, signal });
  const meter = new Meter();
  const limited = metered(meter)(throttle(options.limit ?? 0, signal && { signal })(workAhead()(archive)));
  const compress = codec.compress({ ...options.compress, frameStarts, reuseBuffers: true, signal });
  const archiveBytes = await writeOutput(compress(limited), options.output, options);
  return { ...counts, uncompressedBytes: meter.progress.bytes, archiveBytes };
}
