import type { Writable } from 'node:stream';
import type { Codec, CompressOptions } from '@vzdump-format/codecs';
import { ContentProgress, type FileEntry } from '@vzdump-format/file-tree';
import { Boundaries, chunksOf, Meter, metered, type OnWarning, type Piece } from '@vzdump-format/streams';
import type { ArchiveFormat, OperationOptions, TreeFormat } from './archive-format.js';
import type { OpenArchive } from './open-archive.js';
import { writeOutput } from './output-file.js';
import { type PayloadSink, requireUncompressed, writeSplitOutput } from './split-output.js';

/**
 * Writes a tree in another format, entry by entry.
 * @param payloadPath where the contents go, of an archive that is to be split
 */
export async function convertTree(
  archive: OpenArchive,
  { from, to }: { readonly from: TreeFormat; readonly to: TreeFormat },
  payloadPath: string | undefined,
  options: ConvertArchiveOptions,
): Promise<ConvertArchiveResult> {
  const { output, codec, onProgress, onWarning, signal } = options;
  if (payloadPath !== undefined) requireUncompressed(codec);
  const meter = new Meter();
  const boundaries = new Boundaries();
  const { bytes: archiveBytes, payload } = archive;
  const input = { bytes: metered(meter)(archiveBytes), source: undefined, payload };
  async function* packed(sink?: PayloadSink): AsyncGenerator<Piece> {
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
    yield* to.pack(new ContentProgress(onProgress).watch(joined(first, entries)), {
      onBoundary: (offset) => boundaries.add(offset),
      ...(sink !== undefined && { payload: sink, prelude }),
      ...{ onWarning, signal },
    });
  }
  if (payloadPath !== undefined) {
    const written = await writeSplitOutput(packed, output, payloadPath, options);
    return { bytes: meter.progress.bytes, archiveBytes: written };
  }
  const compress = codec.compress({ ...options.compress, boundaries, signal });
  const written = await writeOutput(compress(chunksOf(packed())), output, options);
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
  readonly codec: Codec;
  readonly compress?: CompressOptions;
}

export interface ConvertArchiveResult {
  /** Of the uncompressed archive, without the payload of a split one. */
  readonly bytes: number;
  /** Bytes written, of both files of a split archive. */
  readonly archiveBytes: number;
}
