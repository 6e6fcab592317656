import { type Codec, type CodecName, type CompressOptions, codec } from '@vzdump-format/codecs';
import { ContentProgress, type DirectoryTree, type WalkOptions } from '@vzdump-format/file-tree';
import {
  Boundaries,
  type ChunkSink,
  debugLog,
  Meter,
  metered,
  prefetchOne,
  RateLimiter,
  throttle,
  type WriteAt,
} from '@vzdump-format/streams';
import type { OperationOptions, TreeFormat } from './archive-format.js';
import { type ArchiveOutput, OutputExclusion, writeOutput } from './output-file.js';
import { requireUncompressed, splitPayloadPath, writeSplitOutput } from './split-output.js';

export interface PackTreeOptions extends OperationOptions {
  readonly format: TreeFormat;
  readonly output: ArchiveOutput;
  /**
   * Where the contents of a split archive go; unless given, a file beside one whose name says that it is
   * split. It gets its name with the archive.
   */
  readonly payload?: string | undefined;
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  /** See `WriteOutputOptions`. */
  readonly writeAt?: WriteAt | undefined;
  readonly codec: Codec | CodecName;
  readonly compress?: CompressOptions;
  /** What is packed. */
  readonly tree: DirectoryTree;
  /** See `WalkOptions`. */
  readonly walk?: WalkChoices;
  /** Patterns of what is left out, by the format's own rules, see `packRules`. */
  readonly excludes?: readonly string[] | undefined;
  /** Files that come before all else, by path: `etc/vzdump/pct.conf`. */
  readonly first?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /**
   * The uncompressed archive passes no faster: a limiter, or bytes a second (0 = unlimited), as cstream does
   * for vzdump.
   */
  readonly limit?: RateLimiter | number | undefined;
}

type WalkChoices = Pick<
  WalkOptions,
  'allFileSystems' | 'includedMounts' | 'idMap' | 'xattrs' | 'acls' | 'fcaps'
>;

export interface PackTreeResult {
  readonly entries: number;
  /** Of all files, holes included. */
  readonly bytes: number;
  /** Of the archive before it was compressed, without the contents of a split one. */
  readonly uncompressedBytes: number;
  /** Bytes written, of both files of a split archive. */
  readonly archiveBytes: number;
}

/** Packs a directory tree: walked, packed, throttled, compressed, written. */
export async function packTree(options: PackTreeOptions): Promise<PackTreeResult> {
  const { format, first, excludes = [], onProgress, onWarning, signal } = options;
  const by = codec(options.codec);
  const payload = splitPayloadPath(format, options.output, options.payload);
  if (payload !== undefined) requireUncompressed(by);
  debugLog(
    'packing %s, codec %s, level %s',
    format.name,
    by.name,
    options.compress?.level ?? "the codec's own",
  );
  const progress = new ContentProgress(onProgress);
  const boundaries = new Boundaries();
  const ownOutput = new OutputExclusion(options.tree.root, onWarning);
  if (typeof options.output === 'object') ownOutput.addStream(options.output);
  const excludeRules = ownOutput.without(format.packRules(excludes, onWarning));
  const tree = options.tree.open({
    ...format.walkOptions,
    ...options.walk,
    ...{ excludes: excludeRules, onWarning, signal },
  });
  const onBoundary = (offset: number) => boundaries.add(offset);
  const limiter = options.limit instanceof RateLimiter ? options.limit : new RateLimiter(options.limit ?? 0);
  const meter = new Meter();
  const pack = (sink?: ChunkSink) =>
    format.pack(progress.watch(tree.entries()), {
      ...{ first, onBoundary, payload: sink, onWarning, signal },
      ...{
        excludePatterns: excludes,
        excludesOwner: options.walk?.idMap === undefined ? ourselves() : undefined,
      },
    });
  const limited = (archive: AsyncIterable<Uint8Array>) =>
    metered(meter)(throttle(limiter, signal && { signal })(archive));
  const compressed = (archive: AsyncIterable<Uint8Array>) =>
    by.isIdentity
      ? limited(archive)
      : by.compress({ ...options.compress, boundaries, signal })(limited(archive));
  const writing = { ...options, onPartial: ownOutput.add };
  const archiveBytes =
    payload === undefined
      ? await writeOutput(compressed(prefetchOne()(pack())), options.output, writing)
      : await writeSplitOutput((sink) => limited(pack(sink)), options.output, payload, {
          ...writing,
          limiter,
        });
  const { entries, bytes } = progress;
  return { entries, bytes, uncompressedBytes: meter.progress.bytes, archiveBytes };
}

function ourselves(): { uid: number; gid: number } {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
