import { ArchiveError, ByteReader, debugLog, type Stage, stageOf } from '@vzdump-format/streams';
import type { DecompressOptions } from '../codec.js';
import { isPrefixOfAny, readTrailing } from '../trailing.js';
import { type DeflateEngine, InflateError } from './engine.js';
import { checkedDeflateEngine, loadDeflateEngine } from './engines.js';
import { MAGIC, readMemberHeader, readOrTruncated, TRAILER_SIZE, truncated } from './format.js';

/** Also how far behind the reported offset damage may be: the libraries tell only in which piece it is. */
const INPUT_SIZE = 256 * 1024;

/**
 * All members, one after the other. Framing and checksums are checked here and not by node:zlib, which drops
 * garbage behind the end in silence and does not tell where an error is.
 */
export function decompressGzip(options: DecompressOptions = {}): Stage {
  const engineName = checkedDeflateEngine(options.engine);
  return stageOf(async function* gunzipped(source) {
    const engine = await loadDeflateEngine(engineName);
    debugLog('gzip: decompressing, threads: 1');
    const reader = new ByteReader(source);
    try {
      for (let members = 0; await nextMember(reader, engine, members, options); members++) {
        for await (const chunk of readMember(reader, engine)) {
          options.signal?.throwIfAborted();
          yield chunk;
        }
      }
    } finally {
      await reader.close();
    }
  }, options.signal);
}

/** Reads the next member's header, if there is one. What follows the last member is checked. */
export async function nextMember(
  reader: ByteReader,
  engine: DeflateEngine,
  members: number,
  options: Pick<DecompressOptions, 'onWarning'>,
): Promise<boolean> {
  if (members > 0 && (await reader.atEnd())) return false;
  const start = reader.offset;
  const magic = new Uint8Array(await reader.readUpTo(MAGIC.length));
  if (!isPrefixOfAny(magic, [MAGIC])) {
    if (members === 0) throw new ArchiveError('GZIP_HEADER', 'not gzip data', { offset: start });
    await readTrailing(reader, { prefix: 'GZIP', end: start, first: magic, onWarning: options.onWarning });
    return false;
  }
  if (magic.length < MAGIC.length) throw truncated(reader.offset);
  await readMemberHeader(reader, magic, engine);
  return true;
}

/** The content of the member whose deflate data comes next, and the check of its trailer. */
async function* readMember(reader: ByteReader, engine: DeflateEngine): AsyncGenerator<Uint8Array> {
  let crc = 0;
  let length = 0;
  for await (const chunk of inflate(reader, engine)) {
    crc = engine.crc32(chunk, crc);
    length += chunk.length;
    yield chunk;
  }
  await checkTrailer(reader, crc, length);
}

/** Reads the trailer behind a member's data. */
export async function checkTrailer(reader: ByteReader, crc: number, length: number): Promise<void> {
  const start = reader.offset;
  const trailer = Buffer.from(await readOrTruncated(reader, TRAILER_SIZE));
  if (trailer.readUInt32LE(0) !== crc) {
    throw new ArchiveError('GZIP_CRC', 'the checksum of the gzip data does not match', { offset: start });
  }
  if (trailer.readUInt32LE(4) !== length % 2 ** 32) {
    throw new ArchiveError('GZIP_LENGTH', 'the length of the gzip data does not match', {
      offset: start + 4,
    });
  }
}

async function* inflate(reader: ByteReader, engine: DeflateEngine): AsyncGenerator<Uint8Array> {
  const start = reader.offset;
  try {
    yield* engine.inflate(pieces(reader), (rest) => reader.unread(rest));
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    if (error.kind === 'truncated') throw truncated(reader.offset, error);
    const offset = start + error.taken;
    throw new ArchiveError('GZIP_DATA', `damaged gzip data: ${error.message}`, { offset, cause: error });
  }
}

async function* pieces(reader: ByteReader): AsyncGenerator<Uint8Array> {
  while (!(await reader.atEnd())) yield await reader.readSome(INPUT_SIZE);
}
