import type { FileEntry } from '@vzdump-format/file-tree';
import type { OnWarning } from '@vzdump-format/streams';
import type { TarEntry } from '@vzdump-format/tar';

/** Passes entries on, and counts those of a tar archive that say in words, too, whose they are: a pxar has numbers alone. */
export async function* warnOfNames(
  entries: AsyncIterable<FileEntry>,
  onWarning: OnWarning | undefined,
): AsyncGenerator<FileEntry> {
  let count = 0;
  for await (const entry of entries) {
    const { userName = '', groupName = '' } = entry as Partial<TarEntry>;
    if (userName !== '' || groupName !== '') count++;
    yield entry;
  }
  if (count === 0) return;
  const message = `the names of users and groups are left out of ${count} entries: a pxar archive has their numbers alone`;
  onWarning?.({ code: 'PXAR_OWNER_NAMES', message });
}
