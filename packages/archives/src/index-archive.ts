import { type FileHandle, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Codec, DETECT_BYTES, detectCodec, type KeptRange } from '@vzdump-format/codecs';
import {
  ArchiveError,
  type ByteSource,
  debugLog,
  FileSource,
  type OnWarning,
  PendingFile,
  writeToFile,
} from '@vzdump-format/streams';
import type { StoredArchive } from './archive-format.js';
import {
  type IndexPlaceOptions,
  indexCache,
  indexPlaces,
  isIndexFile,
  type OpenedByIndex,
  openByIndex,
} from './find-index.js';
import { formats } from './formats.js';

export interface IndexArchiveOptions extends IndexPlaceOptions {
  /** Whether an index is made anew that is right as it is, and takes the place of whatever has its name. */
  readonly overwrite?: boolean;
  /** About so much content, in bytes, lies between two places to begin at. */
  readonly span?: number | undefined;
  readonly maxWindowLog?: number | undefined;
  readonly onWarning?: OnWarning | undefined;
  /** Called with the bytes of the compressed file that were read, and its size; first when that begins. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What became of an index: `needless` where the file can be read at any offset as it is. */
export type IndexedArchive =
  | { readonly kind: 'made' | 'there'; readonly path: string; readonly size: number }
  | { readonly kind: 'needless' };

/**
 * Makes sure that a compressed file can be read at any offset: reads it once and writes an index, unless
 * there is one that is right. An index that is of no use is replaced, and nothing else.
 * @throws `NOT_SEEKABLE` for what no index helps, with the way out; `FILE_EXISTS`; what is wrong with the
 * file; the system's error where no index can be written
 */
export async function indexArchive(
  archive: string | StoredArchive,
  options: IndexArchiveOptions = {},
): Promise<IndexedArchive> {
  const path = typeof archive === 'string' ? archive : archive.path;
  const file = await (typeof archive === 'string' ? FileSource.open(path) : archive.open());
  try {
    const codec = await codecOf(file, path);
    if (await isSeekable(file, codec, options)) return { kind: 'needless' };
    const found = options.overwrite ? undefined : await findIndex(file, codec, path, options);
    if (found !== undefined) return { kind: 'there', ...found };
    const index = await createIndex(await indexPlaces(path, options), options);
    try {
      const size = await writeIndex(file, codec, index, { ...options, archive: path });
      return { kind: 'made', path: index.path, size };
    } finally {
      await index.discard();
    }
  } finally {
    await file.close();
  }
}

async function codecOf(file: ByteSource, path: string): Promise<Codec> {
  const head = Buffer.alloc(DETECT_BYTES);
  return detectCodec(head.subarray(0, await file.read(head, 0)), path);
}

async function isSeekable(
  file: ByteSource,
  codec: Codec,
  { maxWindowLog, signal }: IndexArchiveOptions,
): Promise<boolean> {
  try {
    await (await codec.openSeekable(borrowed(file), { maxWindowLog, signal })).close();
    return true;
  } catch (error) {
    if (error instanceof ArchiveError && error.code === 'NOT_SEEKABLE') return false;
    throw error;
  }
}

/** The first index that is right. */
async function findIndex(
  file: ByteSource,
  codec: Codec,
  archive: string,
  { indexDirectory, maxWindowLog, signal }: IndexArchiveOptions,
): Promise<OpenedByIndex['index'] | undefined> {
  const opened = await openByIndex(borrowed(file), codec, archive, { indexDirectory, maxWindowLog, signal });
  await opened?.content.close();
  return opened?.index;
}

/** A source that stays open when it is closed by who uses it. */
function borrowed(source: ByteSource): ByteSource {
  return { size: source.size, read: (buffer, offset) => source.read(buffer, offset), close: async () => {} };
}

/** What the system says where a directory is not ours to write in. */
const UNWRITABLE: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);
const PRIVATE = 0o700;

/** In the first of the places where that can be. @throws the system's error of the first, if in none */
async function createIndex(
  places: readonly string[],
  { overwrite = false, onWarning }: IndexArchiveOptions,
): Promise<PendingFile> {
  let refused: unknown;
  for (const path of places) {
    const directory = dirname(path);
    try {
      await mkdir(directory, { recursive: true, ...(directory === indexCache() && { mode: PRIVATE }) });
      const isReplaced = overwrite || (await isIndexFile(path));
      return await PendingFile.create(path, { overwrite: isReplaced, mode: 0o600, onWarning });
    } catch (error) {
      if (!UNWRITABLE.has((error as NodeJS.ErrnoException).code)) throw error;
      refused ??= error;
      debugLog('%s: no index can be written here', path);
    }
  }
  throw refused;
}

async function writeIndex(
  file: ByteSource,
  codec: Codec,
  index: PendingFile,
  { archive, span, maxWindowLog, onWarning, onProgress, signal }: IndexArchiveOptions & { archive: string },
): Promise<number> {
  const source = onProgress === undefined ? borrowed(file) : watched(file, onProgress);
  const { mtimeNs: modified } = await stat(archive, { bigint: true });
  const options = { span, maxWindowLog, modified, onWarning, signal, keep: collectHeaders() };
  const bytes = codec.buildIndex(source, options);
  const size = await writeToFile(bytes, index.handle);
  await takeAccessOf(archive, index.handle);
  signal?.throwIfAborted();
  await index.commit();
  return size;
}

/** Picks out what opening an archive reads all over it, whatever its format. */
function collectHeaders(): (content: Uint8Array) => Promise<KeptRange[]> {
  const collectors = formats.flatMap((format) => format.collectHeaders?.() ?? []);
  return async (content) => {
    const found = await Promise.all(collectors.map((collect) => collect(content)));
    return found.flat(); // of one of them: an archive has one format
  };
}

/** Tells how far a source has been read. */
function watched(source: ByteSource, onProgress: (bytes: number, total: number) => void): ByteSource {
  const { size } = source;
  let furthest = 0;
  return {
    ...borrowed(source),
    async read(buffer, offset) {
      const length = await source.read(buffer, offset);
      furthest = Math.max(furthest, offset + length);
      onProgress(furthest, size);
      return length;
    },
  };
}

/**
 * An index holds parts of the content: who may read the archive may read it, and nobody else. File systems
 * without owners and modes refuse this, and have their own.
 */
async function takeAccessOf(archive: string, index: FileHandle): Promise<void> {
  const [{ uid, gid, mode }, own] = await Promise.all([stat(archive), index.stat()]);
  const isRoot = process.geteuid?.() === 0;
  const ofGroup = await index.chown(isRoot ? uid : own.uid, gid).then(
    () => 0o060,
    () => 0,
  );
  await index.chmod(0o600 | (mode & (ofGroup | 0o006))).catch(() => {});
}
