import type { Duplex } from 'node:stream';
import type { TransformStream } from 'node:stream/web';
import { type FileEntry, wholeContent } from '@vzdump-format/file-tree';
import {
  ClaimedSource,
  chunksOf,
  give,
  type Items,
  isFileRange,
  type Piece,
  PullIterator,
  piecesOf,
  runStage,
  toPackingDuplex,
  toTransformStream,
} from '@vzdump-format/streams';
import { GATHER_BELOW, type ItemWriter } from './item-writer.js';
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
 * @throws `ENTRY_FIELD` for an entry that is none, `PXAR_ENTRY_ORDER` when a directory is come back to,
 * `PXAR_PATH`, `PXAR_ROOT`, `PXAR_HARDLINK`,
 * `PXAR_LINK_TARGET`, `PXAR_CONTENT_SIZE`, `PXAR_LIMIT`, and for what the format cannot hold, `PXAR_OWNER`,
 * `PXAR_MTIME`, `PXAR_DEVICE`, `PXAR_ACL`, `PXAR_XATTR`, `PXAR_QUOTA_PROJECT`
 */
export function packPxar(
  entries: Items<FileEntry>,
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
        if (payload === undefined) yield* passOn(entry, archive, signal);
        else for await (const piece of passOn(entry, payload, signal)) await give(sink!, piece);
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

/** The content of a file that was added, as pieces; what is left when it ends is gathered in `writer`. */
async function* passOn(
  entry: FileEntry,
  writer: ItemWriter,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  const content = piecesOf(wholeContent(entry, 'PXAR_CONTENT_SIZE'));
  for await (const piece of new ClaimedSource(content, signal)) {
    if (isFileRange(piece)) {
      if (writer.length > 0) yield writer.take();
      yield piece;
      writer.passed(piece.copied);
    } else if (entry.content instanceof Uint8Array) {
      // One array is valid for its entry only.
      for (let at = 0; at < piece.length; at += GATHER_BELOW) {
        writer.put(piece.subarray(at, at + GATHER_BELOW));
        if (writer.isFull) yield writer.take();
      }
    } else {
      // Each is passed on, be it small: so they live until the next but one is read.
      if (writer.length > 0) yield writer.take();
      writer.passed(piece.length);
      yield piece;
    }
  }
}

/** As `packPxar`, a Duplex: entries in, in object mode, and bytes of the archive out, in byte mode. */
export function createPackPxar(options: PackPxarOptions = {}): Duplex {
  return toPackingDuplex((entries: Items<FileEntry>) => packPxar(entries, options), options.signal);
}

/** As `createPackPxar`, for web streams. */
export function webPackPxar(options: PackPxarOptions = {}): TransformStream<FileEntry, Uint8Array> {
  return toTransformStream((entries: Items<FileEntry>) => packPxar(entries, options), options.signal);
}

/** Whether `pxar create` keeps an extended attribute of this name, and `pxar extract` restores it. */
export function isKeptByProxmox(xattrName: string): boolean {
  return /^(user|trusted)\./.test(xattrName) || xattrName === 'security.NTACL';
}
