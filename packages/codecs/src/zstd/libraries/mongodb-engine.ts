import { createRequire } from 'node:module';
import { ArchiveError } from '@vzdump-format/streams';
import xxhash from 'xxhash-wasm';
import { type EngineResult, NODE_WITH_ZSTD, type ZstdEngine } from '../engine.js';
import { LibraryError } from '../errors.js';
import { CHECKSUM_SIZE, decodeFrameHeader, FRAME_MAGIC, headerRestSize, MAGIC_SIZE } from '../format.js';
import { decodeInlined } from '../inline-dictionary.js';
import { PlainDecoder } from '../plain/decoder.js';

/** `index.js` of the package drops the level; the bindings under it take it. */
interface Bindings {
  compress(content: Buffer, level: number): Promise<Buffer>;
  decompress(frame: Buffer): Promise<Buffer>;
}

/**
 * `@mongodb-js/zstd`: whole frames only, asynchronous on Node's thread pool. It needs no compiler, as its
 * binaries come with the package. What it leaves out of a frame, content size and checksum, is put in here;
 * frames that are too large for it, or do not tell their size, as those that the zstd program makes of a
 * pipe, are decompressed in JavaScript. It takes no dictionaries, which are put into the frame.
 */
export async function loadMongodbEngine(): Promise<ZstdEngine> {
  const require = createRequire(import.meta.url);
  const module: { default: Bindings } = await import('@mongodb-js/zstd/bindings.js');
  const bindings = module.default;
  const { h64Raw, create64 } = await xxhash();
  const decompressed = (frame: Buffer) =>
    bindings.decompress(frame).catch((error: Error) => {
      throw new LibraryError(error.message);
    });
  return {
    name: '@mongodb-js/zstd',
    version: (require('@mongodb-js/zstd/package.json') as { version: string }).version,
    frameCompressor: ({ level }) => ({
      async compress({ buffer, length }): Promise<EngineResult> {
        const content = buffer.subarray(0, length);
        const frame = await bindings.compress(asBuffer(content), level);
        const checksum = Number(h64Raw(content) & 0xffff_ffffn);
        const output = withSizeAndChecksum(frame, length, checksum);
        return { output, length: output.length };
      },
      close() {},
    }),
    frameDecompressor() {
      const inPieces = new PlainDecoder(create64);
      const withDictionary = new PlainDecoder(create64);
      return {
        async decompress(piece): Promise<EngineResult> {
          const { buffer, length, first, last, output: room, dictionary } = piece;
          if (!(first && last)) return { output: room, length: inPieces.decode(piece) };
          if (dictionary !== undefined) {
            const inlined = await decodeInlined(piece, decompressed);
            return inlined ?? { output: room, length: withDictionary.decode(piece) };
          }
          const output = await decompressed(asBuffer(buffer.subarray(0, length)));
          if (output.length > room.length) throw new LibraryError('there is more data than the header says');
          return { output, length: output.length };
        },
        close() {},
      };
    },
    streamCompressor() {
      throw wholeFramesOnly();
    },
  };
}

/** A frame with its content size in four bytes and the checksum at its end. */
export function withSizeAndChecksum(
  frame: Uint8Array,
  contentSize: number,
  checksum: number,
): Uint8Array<ArrayBuffer> {
  const descriptor = frame[MAGIC_SIZE]!;
  const headerSize = MAGIC_SIZE + 1 + headerRestSize(descriptor);
  const singleSegment = (descriptor & 0x20) !== 0;
  const header = decodeFrameHeader(descriptor, frame.subarray(MAGIC_SIZE + 1, headerSize));
  const blocks = frame.subarray(headerSize, header.hasChecksum ? -CHECKSUM_SIZE : undefined);
  const window = singleSegment ? [] : [frame[MAGIC_SIZE + 1]!];
  const numbers = Buffer.alloc(12);
  numbers.writeUInt32LE(FRAME_MAGIC, 0);
  numbers.writeUInt32LE(contentSize, 4);
  numbers.writeUInt32LE(checksum, 8);
  const start = [...numbers.subarray(0, 4), 0x84 | (descriptor & 0x20), ...window, ...numbers.subarray(4, 8)];
  const whole = new Uint8Array(start.length + blocks.length + CHECKSUM_SIZE);
  whole.set(start);
  whole.set(blocks, start.length);
  whole.set(numbers.subarray(8), start.length + blocks.length);
  return whole;
}

function wholeFramesOnly(): ArchiveError {
  return new ArchiveError(
    'ZSTD_ENGINE',
    '@mongodb-js/zstd cannot write one long frame: it takes whole ones of a known size',
    {
      hint: `use Node.js ${NODE_WITH_ZSTD} or newer, or npm install koffi, where the system has libzstd`,
    },
  );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
