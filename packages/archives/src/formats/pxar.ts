import { excludingAlso, type FileEntry, pxarExcludes } from '@vzdump-format/file-tree';
import {
  EXCLUDES_FILE,
  isKeptByProxmox,
  isPxar,
  openPxar,
  type PxarHeader,
  packPxar,
  unpackPxar,
  verifyPxar,
} from '@vzdump-format/pxar';
import {
  ClaimedSource,
  type OnWarning,
  observedItems,
  PullIterator,
  readChunks,
} from '@vzdump-format/streams';
import { formatListing, type ListedEntry, ListingColumns, type TarEntry } from '@vzdump-format/tar';
import type { TreeFormat } from '../archive-format.js';
import { configsInPlace } from './configs-in-place.js';

export const pxar: TreeFormat = {
  kind: 'tree',
  name: 'pxar',
  extension: '.pxar',
  split: { archive: '.mpxar', payload: '.ppxar' },
  detect: isPxar,
  read: (source, signal) => readChunks(source, { signal }),
  walkOptions: {
    hardlinks: 'files',
    skipVirtual: true,
    xattrs: isKeptByProxmox,
    flags: true,
    quotaProjects: true,
  },
  hasHoles: false,
  excludeRules: pxarExcludes,
  packRules: (patterns, onWarning) => excludingAlso(pxarExcludes(patterns, onWarning), areNotes(onWarning)),

  async verify({ bytes, payload }, { onProgress, onWarning, signal }) {
    await verifyPxar(bytes, {
      payload: await payload?.(),
      onHeader: (header) => warnOfUnusedPayload(header, payload, onWarning),
      ...{ onProgress, onWarning, signal },
    });
  },

  entries({ bytes, source, payload }, { metadataOnly = false, verify, onPrelude, onWarning, signal }) {
    const open = async () =>
      unpackPxar(source ?? bytes, {
        payload: metadataOnly ? undefined : await payload?.(),
        onHeader: (header) => {
          warnOfUnusedPayload(header, payload, onWarning);
          if (header.prelude !== undefined) onPrelude?.(header.prelude);
        },
        ...{ metadataOnly, verify, onWarning, signal },
      });
    return PullIterator.later(open, () => new ClaimedSource(bytes).return());
  },

  async open({ source, payload }, { onWarning, signal }) {
    const archive = await openPxar(source, { payload: await payload?.(), onWarning, signal });
    warnOfUnusedPayload(archive.header, payload, onWarning);
    return archive;
  },

  pack(entries, { first, onBoundary: _, ...options }) {
    const named = warnOwnerNamesLost(PullIterator.of(entries, options.signal), options.onWarning);
    const placed = configsInPlace(named, first, options.onWarning);
    return packPxar(placed, options);
  },

  nameOf,

  listing() {
    const columns = new ListingColumns();
    return (entry) => formatListing(asListed(entry), columns);
  },
};

/** What a user named is looked into, or they are told. */
function warnOfUnusedPayload({ version }: PxarHeader, payload: unknown, onWarning?: OnWarning): void {
  if (payload === undefined || version === 2) return;
  const message = 'the archive is not split: there is no use for a file with its contents';
  onWarning?.({ code: 'PAYLOAD_UNUSED', message, hint: 'leave --payload out', isNotice: true });
}

function nameOf({ path, type }: FileEntry): string {
  return `./${path}${type === 'directory' && path !== '' ? '/' : ''}`;
}

/**
 * What a line of a listing needs, as tar would have it. Field by field: a spread of all costs as much as
 * reading the entry.
 */
function asListed(entry: FileEntry): ListedEntry {
  const { path, type, mode, uid, gid, mtime, size, device, linkTarget = '' } = entry;
  return {
    path,
    type,
    mode,
    uid,
    gid,
    mtime,
    size,
    device,
    storedType: '0',
    storedMode: mode,
    userName: '',
    groupName: '',
    storedName: nameOf(entry),
    storedLinkName: type === 'hardlink' ? `./${linkTarget}` : linkTarget,
  };
}

/**
 * Tells of the notes in the root of what an archive before left out, with which it was restored: they are
 * left out when a tree is packed, as by `pxar create`, whatever the patterns are. That is told, as
 * `PXAR_LEFT_OUT`, since a user might have named something so; of a directory, which notes never are, it is a
 * warning.
 */
function areNotes(onWarning: OnWarning | undefined): (path: string, isDirectory: boolean) => boolean {
  return (path, isDirectory) => {
    if (path !== EXCLUDES_FILE) return false;
    const message = `${EXCLUDES_FILE} in the root is not packed: that is the name of the notes of what was left out`;
    onWarning?.({ code: 'PXAR_LEFT_OUT', message, entry: path, isNotice: !isDirectory });
    return true;
  };
}

/**
 * Passes entries on, and counts those of a tar archive that say in words, too, whose they are: a pxar has
 * numbers alone.
 */
function warnOwnerNamesLost(
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
