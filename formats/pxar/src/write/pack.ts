import type { Duplex } from 'node:stream';
import type { FileEntry } from '@vzdump-format/file-tree';
import { chunksOf, give, type Piece, PullIterator, runStage, toPackingDuplex } from '@vzdump-format/streams';
import type { PackPxarOptions } from './pack-options.js';
import { Packer } from './packer.js';

/**
 * Packs entries into an archive, byte for byte as the real encoder does. They come depth first: a directory,
 * then all that is in it; the root (path '') before all. Within a directory their order is kept. A directory
 * that does not come before what is in it is made up, and counted in a warning. A hardlink comes after the
 * file that it names.
 *
 * Content that comes in chunks is passed on without a copy, and with the ranges of files that it comes with
 * (see `piecesOf`).
 *
 * Memory: 32 bytes for each entry of the directories that are open, and about as much for each file that may
 * get another name: those whose `links` is not 1.
 *
 * @throws `PXAR_ENTRY_ORDER` when a directory is come back to, `PXAR_PATH`, `PXAR_ROOT`, `PXAR_HARDLINK`,
 * `PXAR_LINK_TARGET`, `PXAR_CONTENT_SIZE`, `PXAR_LIMIT`, and for what the format cannot hold, `PXAR_OWNER`,
 * `PXAR_MTIME`, `PXAR_DEVICE`, `PXAR_ACL`, `PXAR_XATTR`, `PXAR_QUOTA_PROJECT`
 */
export function packPxar(
  entries: AsyncIterable<FileEntry> | Iterable<FileEntry>,
  options: PackPxarOptions = {},
): AsyncGenerator<Uint8Array> {
  const sequence = PullIterator.of(entries, options.signal);
  return chunksOf(runStage(sequence, () => packAll(sequence, options), options.signal));
}

async function* packAll(sequence: PullIterator<FileEntry>, options: PackPxarOptions): AsyncGenerator<Piece> {
  const { payload: sink, onProgress, signal } = options;
  const packer = new Packer(options);
  const { archive, payload } = packer;
  signal?.throwIfAborted();
  packer.begin();
  let bytes = 0;
  for await (const run of sequence.runs()) {
    for (const entry of run) {
      signal?.throwIfAborted();
      if (packer.add(entry)) {
        if (payload === undefined) yield* packer.content(entry, archive);
        else for await (const piece of packer.content(entry, payload)) await give(sink!, piece);
      }
      packer.endEntry();
      bytes += entry.size;
      onProgress?.(bytes);
      if (archive.isFull) yield archive.take();
      if (payload?.isFull) await sink!(payload.take());
    }
  }
  packer.finish();
  yield archive.take();
  if (payload !== undefined) await sink!(payload.take());
}

/** As `packPxar`, a Duplex: entries in, in object mode, and bytes of the archive out, in byte mode. */
export function createPackPxar(options: PackPxarOptions = {}): Duplex {
  return toPackingDuplex((entries: AsyncIterable<FileEntry>) => packPxar(entries, options), options.signal);
}

/** Whether `pxar create` keeps an extended attribute of this name, and `pxar extract` restores it. */
export function isKeptByProxmox(xattrName: string): boolean {
  return /^(user|trusted)\./.test(xattrName) || xattrName === 'security.NTACL';
}
