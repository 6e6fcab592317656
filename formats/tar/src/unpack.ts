import { ByteReader, type OnWarning } from '@vzdump-format/streams';
import { Cursor, takeWhole } from './archive-reader.js';
import { StoredContent } from './content.js';
import type { TarEntry } from './entry.js';
import { wholeBlocks } from './format.js';
import { FrameMarks, type OnFrameStart } from './frame-starts.js';
import { MemberReader } from './member-reader.js';
import { isZeros } from './zeros.js';

/** Content up to this size is had at once. */
const WHOLE_CONTENT = 256 * 1024;

export interface UnpackTarOptions {
  readonly onFrameStart?: OnFrameStart | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes an archive apart, in one pass and a few chunks of memory. It ends without an error only if the archive is whole;
 * what stands behind its end is read, too, and warned of unless it is zeros.
 *
 * The content of a small file is a view of the archive's chunk, valid until the next entry is asked for; that of a large
 * one can be iterated until then. What is not read is skipped.
 *
 * @throws ArchiveError with a code of `TAR_…`, see the format's README
 */
export function unpackTar(
  archive: AsyncIterable<Uint8Array>,
  options: UnpackTarOptions = {},
): AsyncGenerator<TarEntry> {
  return unpackMembers(archive, options);
}

/** Told of the bytes between a file's content and the next block. */
type OnPadding = (padding: Uint8Array, entry: TarEntry) => void;

/** As `unpackTar`. */
export async function* unpackMembers(
  archive: AsyncIterable<Uint8Array>,
  { onFrameStart, onWarning, signal }: UnpackTarOptions,
  onPadding?: OnPadding,
): AsyncGenerator<TarEntry> {
  const reader = new ByteReader(archive);
  const members = new MemberReader(reader, onWarning);
  const content = new Cursor(reader);
  const marks = new FrameMarks(onFrameStart);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const entry = await members.next();
      if (entry === undefined) break;
      marks.member(entry);
      if (entry.type !== 'file') {
        yield entry;
      } else if (entry.storedSize <= WHOLE_CONTENT) {
        const stored = wholeBlocks(entry.storedSize);
        if (!content.take(stored)) await takeWhole(content, stored, entry.path);
        const { bytes, at } = content;
        entry.content = bytes.subarray(at, at + entry.storedSize);
        onPadding?.(bytes.subarray(at + entry.storedSize, at + stored), entry);
        yield entry;
      } else {
        const large = new StoredContent(reader, entry, marks, signal);
        entry.content = large;
        yield entry;
        const padding = await large.finish();
        onPadding?.(padding, entry);
      }
    }
    await readBehindEnd(reader, onWarning, signal);
  } finally {
    await reader.close();
  }
}

/** Reads what is behind the end, so that a codec gets to its own end, where its checksum is. */
async function readBehindEnd(reader: ByteReader, onWarning?: OnWarning, signal?: AbortSignal): Promise<void> {
  let isTold = false;
  for await (const chunk of reader.rest()) {
    signal?.throwIfAborted();
    if (isTold || isZeros(chunk)) continue;
    isTold = true;
    onWarning?.({
      code: 'TAR_TRAILING_DATA',
      message: 'there is something behind the end of the archive; it is passed over',
      offset: reader.offset - chunk.length,
      hint: 'joined archives must be taken apart; every tool reads the first of them alone',
    });
  }
}
