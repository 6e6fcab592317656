import type { Writable } from 'node:stream';
import { type Codec, type CodecName, type CompressOptions, codec } from '@vzdump-format/codecs';
import { ContentProgress, type FileEntry } from '@vzdump-format/file-tree';
import {
  ArchiveError,
  Boundaries,
  type ChunkSink,
  chunksOf,
  Meter,
  metered,
  type OnWarning,
  observed,
  piecesOf,
} from '@vzdump-format/streams';
import type { ArchiveFormat, OperationOptions, TreeFormat } from './archive-format.js';
import { formatForFileName } from './formats.js';
import type { OpenArchive } from './open-archive.js';
import { writeOutput } from './output-file.js';
import { requireUncompressed, splitPayloadPath, writeSplitOutput } from './split-output.js';

/**
 * Writes an archive anew with another codec, or a directory tree in another format, as a stream. It is
 * verified on the way: a bad one does not get a name. With the same format it stays the same, byte for byte.
 * @throws what is wrong with the archive, or cannot be held by the other format; `CONVERT_FORMAT` for what is
 * no tree
 */
export async function convertArchive(
  archive: OpenArchive,
  options: ConvertArchiveOptions,
): Promise<ConvertArchiveResult> {
  const { output } = options;
  const named = typeof output === 'string' ? formatForFileName(output) : undefined;
  const target = options.format ?? named ?? archive.format;
  const tree = treesOf(archive, target);
  if (tree === undefined) return recompress(archive, options);
  const payload = splitPayloadPath(tree.to, output, undefined);
  const isSame = tree.to === tree.from && payload === undefined && archive.payload === undefined;
  return isSame ? recompress(archive, options) : convertTree(archive, tree, payload, options);
}

/** Both formats, if they are of trees. @throws `CONVERT_FORMAT` unless they are, or the same */
function treesOf(
  { format: from }: OpenArchive,
  to: ArchiveFormat,
): { readonly from: TreeFormat; readonly to: TreeFormat } | undefined {
  if (from.kind === 'tree' && to.kind === 'tree') return { from, to };
  if (from === to) return undefined;
  throw new ArchiveError('CONVERT_FORMAT', `a ${from.name} archive cannot become ${to.name}`, {
    hint: 'a directory tree can be a tar or a pxar; the drives of a VM can be a vma',
  });
}

async function recompress(
  archive: OpenArchive,
  options: ConvertArchiveOptions,
): Promise<ConvertArchiveResult> {
  const { output, signal } = options;
  const meter = new Meter();
  const boundaries = new Boundaries();
  const onBoundary = (offset: number) => {
    // One whose header was cut in two by the chunks is known too late, and is left out.
    if (offset >= meter.progress.bytes) boundaries.add(offset);
  };
  const verified = observed((bytes) =>
    archive.format.verify({ bytes, source: undefined }, { ...options, onBoundary }),
  );
  const compress = codec(options.codec).compress({ ...options.compress, boundaries, signal });
  const bytes = compress(metered(meter)(verified(archive.bytes)));
  const archiveBytes = await writeOutput(bytes, output, options);
  return { bytes: meter.progress.bytes, archiveBytes };
}

/**
 * Writes a tree in another format, entry by entry.
 * @param payloadPath where the contents go, of an archive that is to be split
 */
async function convertTree(
  archive: OpenArchive,
  { from, to }: { readonly from: TreeFormat; readonly to: TreeFormat },
  payloadPath: string | undefined,
  options: ConvertArchiveOptions,
): Promise<ConvertArchiveResult> {
  const { output, onProgress, onWarning, signal } = options;
  const by = codec(options.codec);
  if (payloadPath !== undefined) requireUncompressed(by);
  const meter = new Meter();
  const boundaries = new Boundaries();
  const { bytes: archiveBytes, payload } = archive;
  const input = { bytes: metered(meter)(archiveBytes), source: undefined, payload };
  async function* pieces(sink?: ChunkSink) {
    let prelude: Uint8Array | undefined;
    const entries = from
      .entries(input, {
        verify: true,
        onPrelude: (found) => {
          prelude = Uint8Array.from(found);
        },
        ...{ onWarning, signal },
      })
      [Symbol.asyncIterator]();
    const first = await entries.next(); // the prelude comes before it
    if (sink === undefined && prelude !== undefined) warnOfPrelude(to, onWarning);
    const packed = to.pack(new ContentProgress(onProgress).watch(joined(first, entries)), {
      onBoundary: (offset) => boundaries.add(offset),
      ...(sink !== undefined && { payload: sink, prelude }),
      ...{ onWarning, signal },
    });
    yield* piecesOf(packed);
  }
  const packed = (sink?: ChunkSink) => chunksOf(pieces(sink));
  if (payloadPath !== undefined) {
    const written = await writeSplitOutput(packed, output, payloadPath, options);
    return { bytes: meter.progress.bytes, archiveBytes: written };
  }
  const compress = by.compress({ ...options.compress, boundaries, signal });
  const written = await writeOutput(compress(packed()), output, options);
  return { bytes: meter.progress.bytes, archiveBytes: written };
}

async function* joined(
  first: IteratorResult<FileEntry>,
  rest: AsyncIterator<FileEntry>,
): AsyncGenerator<FileEntry> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

function warnOfPrelude({ name }: TreeFormat, onWarning: OnWarning | undefined): void {
  const message = `the prelude is left out, in which pxar create notes what it left out: only a split archive has one, not a ${name}`;
  onWarning?.({ code: 'PXAR_PRELUDE', message, isNotice: true });
}

export interface ConvertArchiveOptions extends OperationOptions {
  /** A path, which gets its name when all is written, or a stream, which is left open. */
  readonly output: string | Writable;
  /** What to make; unless given, what the name says, or else what it is. */
  readonly format?: ArchiveFormat | undefined;
  /** Whether a file that exists is replaced. */
  readonly overwrite?: boolean;
  readonly codec: Codec | CodecName;
  readonly compress?: CompressOptions;
}

export interface ConvertArchiveResult {
  /** Of the uncompressed archive, without the payload of a split one. */
  readonly bytes: number;
  /** Bytes written, of both files of a split archive. */
  readonly archiveBytes: number;
}
