import { open, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { isNotFound } from '@vzdump-format/streams';

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
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
      return buffer.toString('latin1', 0, bytesRead) === MAGIC;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isNotFound(error)) return false;
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
