import { ArchiveError, ByteReader } from '@vzdump-format/streams';
import type { FileEntry } from './entry.js';
import { printableName } from './printable-name.js';

const ZEROS = new Uint8Array(64 * 1024);

/** The pieces of an entry's content, as they are: of a sparse file, the data of its extents. */
export async function* contentPieces({ content }: Pick<FileEntry, 'content'>): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) yield content;
  else if (content !== undefined) yield* content;
}

/**
 * The content of a file from its first byte to its last, with zeros in the holes of a sparse one.
 * @param code of the error when it has not the size that it should
 */
export async function* wholeContent(entry: FileEntry, code = 'TREE_CONTENT'): AsyncGenerator<Uint8Array> {
  const wrongSize = (why: string) => {
    const message = `${printableName(entry.path)} should have ${entry.size} bytes: ${why}`;
    return new ArchiveError(code, message, { entry: entry.path });
  };
  const { size, extents = [{ offset: 0, length: size }] } = entry;
  const reader = new ByteReader(contentPieces(entry));
  try {
    let at = 0;
    for (const { offset, length } of extents) {
      if (!(offset >= at && length >= 0 && offset + length <= size)) {
        throw wrongSize('its extents overlap, or go past its end');
      }
      yield* zeros(offset - at);
      for (let left = length; left > 0; ) {
        if (await reader.atEnd()) throw wrongSize('its content ends too early');
        const piece = await reader.readSome(left);
        left -= piece.length;
        yield piece;
      }
      at = offset + length;
    }
    yield* zeros(size - at);
    if (!(await reader.atEnd())) throw wrongSize('its content goes on behind its end');
  } finally {
    await reader.close();
  }
}

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= ZEROS.length) {
    yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
}
