import type { FileEntry } from '@vzdump-format/file-tree';
import { isKeptByProxmox, isPxar, openPxar, packPxar, unpackPxar, verifyPxar } from '@vzdump-format/pxar';
import { readChunks } from '@vzdump-format/streams';
import { formatListing, type ListedEntry, ListingColumns } from '@vzdump-format/tar';
import type { TreeFormat } from '../archive-format.js';

export const pxar: TreeFormat = {
  kind: 'tree',
  name: 'pxar',
  extension: '.pxar',
  detect: isPxar,
  read: (source, signal) => readChunks(source, { reuseBuffers: true, signal }),
  walkOptions: {
    hardlinks: 'files',
    skipVirtual: true,
    xattrs: isKeptByProxmox,
    flags: true,
    quotaProjects: true,
  },

  async verify({ bytes }, { onProgress, ...options }) {
    await verifyPxar(bytes, { ...options, onProgress: (done) => onProgress?.(done) });
  },

  entries: ({ bytes }, options) => unpackPxar(bytes, { ...options, reuseBuffers: true }),

  async file(source, path, options) {
    return (await openPxar(source, options)).file(path);
  },

  pack: (entries, { onProgress: _, ...options }) => packPxar(entries, { ...options, reuseBuffers: true }),

  nameOf,

  listing() {
    const columns = new ListingColumns();
    return (entry) => formatListing(asListed(entry), columns);
  },
};

function nameOf({ path, type }: FileEntry): string {
  return `./${path}${type === 'directory' && path !== '' ? '/' : ''}`;
}

/** What only tar has, as tar would have it. */
function asListed(entry: FileEntry): ListedEntry {
  const { linkTarget = '' } = entry;
  return {
    ...entry,
    storedType: '0',
    storedMode: entry.mode,
    ...{ userName: '', groupName: '' },
    storedName: nameOf(entry),
    storedLinkName: entry.type === 'hardlink' ? `./${linkTarget}` : linkTarget,
  };
}
