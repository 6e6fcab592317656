import { gnuTarExcludes } from '@vzdump-format/file-tree';
import { observed, readChunks } from '@vzdump-format/streams';
import {
  collectMemberHeaders,
  formatListing,
  isTar,
  ListingColumns,
  openTar,
  packTar,
  type TarEntry,
  unpackTar,
  verifyTar,
} from '@vzdump-format/tar';
import type { TreeFormat } from '../archive-format.js';

export const tar: TreeFormat = {
  kind: 'tree',
  name: 'tar',
  extension: '.tar',
  shortExtensions: ['.tgz'],
  detect: isTar,
  collectHeaders: collectMemberHeaders,
  read: (source, signal) => readChunks(source, { signal }),
  walkOptions: { hardlinks: 'all' },
  hasHoles: true,
  excludeRules: gnuTarExcludes,
  packRules: gnuTarExcludes,

  async verify({ bytes }, options) {
    await verifyTar(bytes, options);
  },

  entries({ bytes }, { verify = false, onWarning, signal }) {
    if (!verify) return unpackTar(bytes, { onWarning, signal });
    const verified = observed((chunks) => verifyTar(chunks, { onWarning, signal }));
    return unpackTar(verified(bytes), { signal }); // its warnings are given already
  },

  open: ({ source }, { onWarning, signal }) => openTar(source, { onWarning, signal }),

  pack: packTar,

  nameOf: (entry) => (entry as TarEntry).storedName,

  listing(numericOwner) {
    const columns = new ListingColumns();
    return (entry) => formatListing(entry as TarEntry, columns, { numericOwner });
  },
};
