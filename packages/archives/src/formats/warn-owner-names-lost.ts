import type { FileEntry } from '@vzdump-format/file-tree';
import { type OnWarning, observedItems, type PullIterator } from '@vzdump-format/streams';
import type { TarEntry } from '@vzdump-format/tar';

/**
 * Passes entries on, and counts those of a tar archive that say in words, too, whose they are: a pxar has
 * numbers alone.
 */
export function warnOwnerNamesLost(
  entries: AsyncIterable<FileEntry>,
  onWarning: OnWarning | undefined,
): PullIterator<FileEntry> {
  let count = 0;
  const look = (entry: FileEntry) => {
    const { userName = '', groupName = '' } = entry as Partial<TarEntry>;
    if (userName !== '' || groupName !== '') count++;
  };
  return observedItems(entries, look, () => {
    if (count === 0) return;
    const message = `the names of users and groups are left out of ${count} entries: a pxar archive has their numbers alone`;
    onWarning?.({ code: 'PXAR_OWNER_NAMES', message, isNotice: true });
  });
}
