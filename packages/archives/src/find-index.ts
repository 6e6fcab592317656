import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { type Codec, openSeekable, readInOrder, type SeekableOptions } from '@vzdump-format/codecs';
import {
  ArchiveError,
  type ArchiveWarning,
  type ByteSource,
  debugLog,
  FileSource,
  isNotFound,
} from '@vzdump-format/streams';

/** What is appended to an archive's name to name its index. */
export const INDEX_EXTENSION = '.idx';
/** What the index of any version begins with. */
const MAGIC = 'VZDFIDX';

export interface IndexPlaceOptions {
  /**
   * Where indexes are looked for and written, as `NAME.idx`. Unless given, that is beside the archive, or
   * else, where nothing can be written there, in the user's cache (see `indexCache`).
   */
  readonly indexDirectory?: string | undefined;
}

/** The paths that an archive's index may have, in the order in which it is looked for. */
export async function indexPlaces(
  archive: string,
  { indexDirectory }: IndexPlaceOptions,
): Promise<readonly string[]> {
  if (indexDirectory !== undefined) return [join(indexDirectory, basename(archive) + INDEX_EXTENSION)];
  const cached = await cachedIndex(archive);
  return cached === undefined ? [archive + INDEX_EXTENSION] : [archive + INDEX_EXTENSION, cached];
}

/** `$XDG_CACHE_HOME/vzdump-format`, or in `~/.cache`; nothing for a user without a home. */
export function indexCache(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { XDG_CACHE_HOME: cache = '' } = environment;
  if (isAbsolute(cache)) return join(cache, 'vzdump-format');
  try {
    return join(homedir(), '.cache', 'vzdump-format');
  } catch {
    return undefined;
  }
}

const LONGEST_NAME = 60;
const HASH_DIGITS = 32;

/** Named also by where the archive is, since others may have the same name. */
async function cachedIndex(archive: string): Promise<string | undefined> {
  const cache = indexCache();
  const place = await realpath(archive).catch(() => undefined);
  if (cache === undefined || place === undefined) return undefined;
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256').update(place).digest('hex').slice(0, HASH_DIGITS);
  return join(cache, `${basename(archive).slice(0, LONGEST_NAME)}-${hash}${INDEX_EXTENSION}`);
}

/** Whether a file is an index, of whatever archive and version: only such a one is replaced or removed. */
export async function isIndexFile(path: string): Promise<boolean> {
  try {
    const file = await FileSource.open(path);
    try {
      const head = Buffer.alloc(MAGIC.length);
      await file.read(head, 0);
      return head.toString('latin1') === MAGIC;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isNotFound(error) || (error instanceof ArchiveError && error.code === 'NOT_A_FILE')) return false;
    throw error;
  }
}

/**
 * The indexes that an archive has, beside it and in the user's cache; to be asked before it is removed or
 * replaced.
 */
export async function indexesOf(archive: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of await indexPlaces(archive, {})) {
    if (await isIndexFile(path).catch(() => false)) found.push(path);
  }
  return found;
}

type OpenByIndexOptions = Omit<SeekableOptions, 'index' | 'modified'> & IndexPlaceOptions;

/** What a file holds, and by which index. */
export interface OpenedByIndex {
  readonly content: ByteSource;
  readonly index: { readonly path: string; readonly size: number };
}

/**
 * The uncompressed content of a file by its index, if it has one that is right. What is found in an index's
 * place and is of no use is a warning, and not trusted. Closing the content closes `file`, which is left open
 * when there is none.
 */
export async function openByIndex(
  file: ByteSource,
  codec: Codec,
  archive: string,
  { indexDirectory, ...options }: OpenByIndexOptions,
): Promise<OpenedByIndex | undefined> {
  const refused: ArchiveWarning[] = [];
  for (const path of await indexPlaces(archive, { indexDirectory })) {
    try {
      const { index, modified } = await openIndex(path, archive);
      const { size } = index;
      const opening = codec.openSeekable(file, { ...options, index, modified });
      const content = await closedUnlessOpened(index, opening);
      debugLog('%s: the index is used', path);
      return { content, index: { path, size } };
    } catch (error) {
      options.signal?.throwIfAborted();
      const warning = refusal(error, path);
      if (warning === undefined) continue;
      debugLog('%s: the index is refused: %s', path, warning.message);
      refused.push(warning);
    }
  }
  for (const warning of refused) options.onWarning?.(warning);
  return undefined;
}

/** Nothing where there is no index. */
function refusal(error: unknown, path: string): ArchiveWarning | undefined {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  if (syscall !== undefined || code === 'NOT_A_FILE') {
    return { code: 'INDEX_UNREADABLE', message: `the index cannot be read: ${message}`, entry: path };
  }
  if (!(error instanceof ArchiveError)) throw error;
  return { code: error.code, message: `${path}: ${message}`, entry: path, hint: error.hint };
}

/**
 * All that a file holds, in order, by its index: several parts are decompressed at a time. Where that fails,
 * it is read from its beginning, to go on from there: then either the file is damaged, which that tells as
 * ever, or the index was wrong, which is a warning.
 */
export async function* readByIndex(
  content: ByteSource,
  fromBeginning: () => AsyncIterable<Uint8Array>,
  options: Pick<SeekableOptions, 'onWarning' | 'signal'> & { readonly archive: string },
): AsyncGenerator<Uint8Array> {
  const { archive, onWarning, signal } = options;
  let done = 0;
  let failure: ArchiveError;
  try {
    for await (const chunk of readInOrder(content, signal)) {
      yield chunk;
      done += chunk.length;
    }
    return;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    failure = error;
  }
  debugLog('%s: read from its beginning, since its index fails: %s', archive, failure.message);
  let passed = 0;
  for await (const chunk of fromBeginning()) {
    const rest = chunk.subarray(Math.min(chunk.length, Math.max(0, done - passed)));
    passed += chunk.length;
    if (rest.length > 0) yield rest;
  }
  const message = `the index of ${archive} is wrong: it is read from its beginning instead (${failure.message})`;
  onWarning?.({ code: 'INDEX_WRONG', message, entry: archive, hint: 'make the index anew' });
}

/** An index that may be believed, and when its archive was modified. */
interface FoundIndex {
  readonly index: FileSource;
  /** In nanoseconds since the epoch; nothing of an archive that is no file. */
  readonly modified: bigint | undefined;
}

/**
 * An index can tell of any content at all. So it has to be ours, of the archive's owner, or root's: a
 * directory in which others may make files is no place to believe them.
 * @throws `INDEX_OWNER`; the system's error
 */
async function openIndex(path: string, archive: string): Promise<FoundIndex> {
  const index = await FileSource.open(path);
  try {
    const { uid } = await index.handle.stat({ bigint: true });
    const archived = await stat(archive, { bigint: true }).catch(() => undefined);
    const believed = [0n, BigInt(process.geteuid?.() ?? 0), archived?.uid];
    if (believed.includes(uid)) return { index, modified: archived?.mtimeNs };
    throw new ArchiveError('INDEX_OWNER', 'the index is of a user to whom the archive does not belong', {
      hint: 'remove it, or make it anew',
    });
  } catch (error) {
    await index.close();
    throw error;
  }
}

/** The content, which closes its index with itself. */
async function closedUnlessOpened(index: ByteSource, opening: Promise<ByteSource>): Promise<ByteSource> {
  try {
    return await opening;
  } catch (error) {
    await index.close();
    throw error;
  }
}

/**
 * The uncompressed content of a file at any offset, by its index where it has one.
 * @throws `NOT_SEEKABLE`, with the way out; `INDEX_STALE`, `INDEX_DAMAGED`
 */
export async function openUncompressed(
  path: string,
  { indexDirectory, ...options }: OpenByIndexOptions = {},
): Promise<ByteSource> {
  const file = await FileSource.open(path);
  const open = (more: SeekableOptions) => openSeekable(file, { ...options, ...more, fileName: path });
  try {
    for (const place of await indexPlaces(path, { indexDirectory })) {
      const found = await openIndex(place, path).catch(ignoreMissing);
      if (found !== undefined) return await closedUnlessOpened(found.index, open(found));
    }
    return await open({});
  } catch (error) {
    await file.close();
    throw error;
  }
}

function ignoreMissing(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
