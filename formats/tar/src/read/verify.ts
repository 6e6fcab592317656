import { ContentProgress, type TreeSummary } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError, allZero, type OnProgress } from '@vzdump-format/streams';
import type { TarEntry } from './member.js';
import { pathHash } from './member-index.js';
import { Warnings } from './member-reader.js';
import { type UnpackTarOptions, unpackMembers } from './unpack.js';

export interface VerifyTarOptions extends UnpackTarOptions {
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Reads a whole archive and proves what can be proven: the checksum of every header, all its numbers and
 * records, maps of sparse files, that names are names, that hardlinks name what came before, the mark of the
 * end. The content of files has no checksum in this format. What is not zero where zeros must stand between
 * members is a warning.
 *
 * @throws as `unpackTar`, and `TAR_LINK_TARGET`: the first thing that is wrong
 */
export async function verifyTar(
  archive: AsyncIterable<Uint8Array>,
  options: VerifyTarOptions = {},
): Promise<TreeSummary> {
  const warnings = new Warnings(options.onWarning);
  const seen = new SeenPaths();
  const progress = new ContentProgress(options.onProgress);
  const checkPadding = (padding: Uint8Array, { path }: TarEntry) => {
    if (allZero(padding)) return;
    warnings.once('TAR_PADDING', 'behind the content of a file there is something else than zeros', {
      entry: path,
    });
  };
  for await (const entry of progress.watch(unpackMembers(archive, options, checkPadding))) {
    if (entry.type === 'hardlink') requireTarget(entry, seen);
    if (entry.type !== 'directory') seen.add(entry.path);
    if (entry.content !== undefined && !(entry.content instanceof Uint8Array)) await readAll(entry.content);
  }
  return progress.summary;
}

/** Only to tell how far it is: what is not read is passed over by the next entry. */
async function readAll(content: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of content);
}

function requireTarget({ path, linkTarget, headerOffset }: TarEntry, seen: SeenPaths): void {
  if (seen.has(linkTarget!)) return;
  const message = `${printableName(path)} is a hardlink to what did not come before: ${printableName(linkTarget!)}`;
  throw new ArchiveError('TAR_LINK_TARGET', message, {
    offset: headerOffset,
    entry: path,
    hint: 'tar cannot restore it',
  });
}

/** How many bits of a hash are used. */
const HASH_BITS = 24;

/**
 * A bit for each hash, 2 MiB in all: among 100,000 paths, one in 170 that are not there is taken for one that
 * is; the other way round never.
 */
class SeenPaths {
  private readonly bits = new Uint8Array(2 ** HASH_BITS / 8);

  add(path: string): void {
    const hash = pathHash(path) >>> (32 - HASH_BITS);
    this.bits[hash >>> 3]! |= 1 << (hash & 7);
  }

  has(path: string): boolean {
    const hash = pathHash(path) >>> (32 - HASH_BITS);
    return (this.bits[hash >>> 3]! & (1 << (hash & 7))) !== 0;
  }
}
