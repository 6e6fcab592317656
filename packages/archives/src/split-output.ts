import { resolve } from 'node:path';
import { type Codec, codecs } from '@vzdump-format/codecs';
import {
  ArchiveError,
  type ByteSource,
  type ChunkSink,
  commitTogether,
  type FileRange,
  FileSource,
  FormerFile,
  isNotFound,
  PendingFile,
  type RateLimiter,
  type WriteAt,
  writeFully,
  writeToFile,
} from '@vzdump-format/streams';
import type { TreeFormat } from './archive-format.js';
import { formatForFileName } from './formats.js';
import {
  type ArchiveOutput,
  requireReplaceableFile,
  type WriteOutputOptions,
  writeOutput,
} from './output-file.js';

/**
 * `a.mpxar` and `a.mpxar.zst` → `a.ppxar`; nothing for a name that does not say that the archive is split.
 */
export function payloadPathFor({ split }: TreeFormat, path: string): string | undefined {
  if (split === undefined) return undefined;
  const endings = ['', ...codecs.flatMap(({ extensions }) => extensions)].map(
    (ending) => split.archive + ending,
  );
  const ending = endings.find((candidate) => path.endsWith(candidate));
  return ending && path.slice(0, -ending.length) + split.payload;
}

/**
 * Where the contents of an archive go; nothing when it is not to be split.
 * @throws `PAYLOAD_UNUSED` when a path is given for a format, or a name, that has no use for it
 */
export function splitPayloadPath(
  format: TreeFormat,
  output: ArchiveOutput,
  payload: string | undefined,
): string | undefined {
  const beside = typeof output === 'string' ? payloadPathFor(format, output) : undefined;
  if (payload === undefined || beside !== undefined) return payload ?? beside;
  const isNamed = typeof output === 'string' && formatForFileName(output) !== undefined;
  if (format.split !== undefined && !isNamed) return payload;
  throw new ArchiveError(
    'PAYLOAD_UNUSED',
    'there is no use for a payload file: the archive is not to be split',
    {
      hint: 'a split archive is named .mpxar',
    },
  );
}

/** @throws `SPLIT_CODEC` */
export function requireUncompressed(codec: Codec): void {
  if (codec.isIdentity) return;
  throw new ArchiveError('SPLIT_CODEC', 'a split archive is not compressed', {
    hint: 'the backup server compresses its chunks itself; for a file, make a .pxar.zst',
  });
}

/**
 * Writes a split archive. Both files get their names when both are whole, the contents first: what is found
 * under the archive's name has its contents. One that is replaced is set aside before them, so that it is
 * never beside those of another.
 *
 * @param pack gives the bytes of the archive, and those of the contents to the sink
 * @returns the bytes written to both
 */
export async function writeSplitOutput(
  pack: (payload: ChunkSink) => AsyncIterable<Uint8Array>,
  output: ArchiveOutput,
  payloadPath: string,
  options: WriteOutputOptions & {
    readonly limiter?: RateLimiter;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<number> {
  const { overwrite = false, onPartial, writeAt, onWarning } = options;
  if (typeof output === 'string' && resolve(output) === resolve(payloadPath)) {
    throw new ArchiveError('FILE_EXISTS', `${output} cannot be the archive and its payload`, {
      entry: output,
    });
  }
  await requireReplaceableFile(payloadPath);
  const payload = await PendingFile.create(payloadPath, { overwrite, onWarning });
  try {
    onPartial?.(payload.partialPath);
    const contents = new PayloadWriter(payload, options);
    const bytes = pack(contents.sink);
    const written =
      typeof output === 'string'
        ? await writePair(bytes, output, payload, { overwrite, onPartial, writeAt, onWarning })
        : await writeAndCommit(bytes, output, payload);
    return written + contents.position;
  } finally {
    await payload.discard();
  }
}

async function writeAndCommit(
  bytes: AsyncIterable<Uint8Array>,
  output: ArchiveOutput,
  payload: PendingFile,
): Promise<number> {
  const written = await writeOutput(bytes, output);
  await payload.commit();
  return written;
}

async function writePair(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  payload: PendingFile,
  { overwrite = false, onPartial, writeAt, onWarning }: WriteOutputOptions,
): Promise<number> {
  await requireReplaceableFile(path);
  const archive = await PendingFile.create(path, { overwrite, onWarning });
  try {
    onPartial?.(archive.partialPath);
    const written = await writeToFile(bytes, archive.handle, writeAt);
    await commitPair(payload, archive);
    return written;
  } finally {
    await archive.discard();
  }
}

/** A full disk shows while what was there is still there: nothing is set aside before both are durable. */
async function commitPair(payload: PendingFile, archive: PendingFile): Promise<void> {
  await payload.seal();
  await archive.seal();
  const former = archive.overwrite ? await FormerFile.setAside(archive.path) : undefined;
  try {
    await commitTogether([payload, archive]);
  } catch (error) {
    await former?.putBack(archive.onWarning);
    throw error;
  }
  await former?.drop(archive.onWarning);
}

/** Writes the contents one chunk after the other. */
class PayloadWriter {
  position = 0;
  private readonly writeAt: WriteAt;

  constructor(
    private readonly file: PendingFile,
    private readonly options: Parameters<typeof writeSplitOutput>[3] & {},
  ) {
    this.writeAt = options.writeAt ?? writeFully;
  }

  readonly sink: ChunkSink = Object.assign((chunk: Uint8Array) => this.write(chunk), {
    copy: (range: FileRange) => this.copy(range),
  });

  private async copy(range: FileRange): Promise<void> {
    const { limiter, signal } = this.options;
    if (limiter !== undefined && limiter.bytesPerSecond > 0) return;
    this.position += range.copyTo(this.file.handle.fd, this.position);
    await limiter?.take(range.copied, signal);
  }

  private async write(bytes: Uint8Array): Promise<void> {
    const { limiter, signal } = this.options;
    await limiter?.takeAll(bytes.length, signal);
    await this.writeAt(this.file.handle, bytes, this.position);
    this.position += bytes.length;
  }
}

/** The file with the contents of a split archive, which is opened when somebody asks for it. */
export class PayloadFile {
  private opened: Promise<ByteSource> | undefined;

  /** @param asRead what is made of the source: one with a limit */
  constructor(
    private readonly path: string,
    private readonly asRead: (source: ByteSource) => ByteSource,
  ) {}

  /** @throws `PAYLOAD_NOT_FOUND`, the system's error */
  readonly open = (): Promise<ByteSource> => {
    this.opened ??= FileSource.open(this.path).then(this.asRead, (error: NodeJS.ErrnoException) => {
      if (!isNotFound(error)) throw error;
      throw new ArchiveError(
        'PAYLOAD_NOT_FOUND',
        `${this.path} is not there, in which the contents of the archive are`,
        {
          entry: this.path,
          hint: 'name the file with its contents (.ppxar) with --payload',
        },
      );
    });
    return this.opened;
  };

  async close(): Promise<void> {
    await this.opened?.then(
      (source) => source.close(),
      () => {},
    );
  }
}
