import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { finished, type Writable } from 'node:stream';
import { isFileRange, piecesOf } from '../source/file-range.js';
import { EventLoopTurns } from '../stage/event-loop-turns.js';
import type { Items } from '../stage/items.js';
import { onNamedFile, withFileName } from './file-name.js';

/** Chunks below this are gathered, so that many small ones do not cost a system call each. */
const GATHER_BELOW = 64 * 1024;
const GATHER_SIZE = 256 * 1024;

/**
 * Writes all of `bytes` at `position`, however many calls it takes. @throws the system's error, see
 * `nameFile`
 */
export type WriteAt = (handle: FileHandle, bytes: Uint8Array, position: number) => Promise<void>;

export const writeFully: WriteAt = (handle, bytes, position) =>
  onNamedFile(handle, async () => {
    for (let written = 0; written < bytes.length; ) {
      const result = await handle.write(bytes, written, bytes.length - written, position + written);
      written += result.bytesWritten;
    }
  });

/**
 * Writes in the calling thread, which saves the time it takes to wake another one: a tenth to a fifth of the
 * whole when files are in memory. The event loop stands still during each write, so this is for programs that
 * have nothing else to do than to react to signals.
 */
export function blockingWriter(): WriteAt {
  const turns = new EventLoopTurns();
  return (handle, bytes, position) =>
    onNamedFile(handle, async () => {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(handle.fd, bytes, written, bytes.length - written, position + written);
      }
      await turns.turn();
    });
}

/**
 * Writes chunks one after the other from the start of a file, and has those copied that are ranges of another
 * (`FileRange`). Resolves to the bytes written.
 */
export async function writeToFile(
  chunks: Items<Uint8Array>,
  handle: FileHandle,
  writeAt: WriteAt = writeFully,
): Promise<number> {
  const gathered = Buffer.allocUnsafe(GATHER_SIZE);
  let waiting = 0;
  let position = 0;
  const flush = async () => {
    await writeAt(handle, gathered.subarray(0, waiting), position);
    position += waiting;
    waiting = 0;
  };
  for await (const piece of piecesOf(chunks)) {
    if (isFileRange(piece)) {
      await flush();
      position += piece.copyTo(handle.fd, position);
      continue;
    }
    if (waiting + piece.length > GATHER_SIZE || piece.length >= GATHER_BELOW) await flush();
    if (piece.length < GATHER_BELOW) {
      gathered.set(piece, waiting);
      waiting += piece.length;
    } else {
      await writeAt(handle, piece, position);
      position += piece.length;
    }
  }
  await flush();
  return position;
}

/** What errors of writing to it call it, as the system has no path for it. */
export const STANDARD_OUTPUT = 'standard output';

/**
 * Writes chunks to a Node stream, each gone before the next is asked for, and leaves the stream open. Rejects
 * with the stream's error when it fails or is closed, be it between two writes or during one that never
 * returns. The `path` of the system's error is `STANDARD_OUTPUT` where the stream is that.
 */
export async function writeToStream(chunks: Items<Uint8Array>, stream: Writable): Promise<number> {
  let written = 0;
  let failure: Error | undefined;
  let abandon = (_failure: Error): void => {};
  const fail = (error: Error) => {
    if (stream === process.stdout) withFileName(error, { path: STANDARD_OUTPUT });
    failure ??= error;
    abandon(failure);
  };
  const stopWatching = finished(stream, { readable: false }, (error) => {
    fail(error ?? new Error('the stream was ended'));
  });
  try {
    for await (const chunk of chunks) {
      await new Promise<void>((resolve, reject) => {
        if (failure) throw failure;
        abandon = reject;
        stream.write(chunk, (error) => (error ? fail(error) : resolve()));
      });
      written += chunk.length;
    }
  } finally {
    // a stream that failed stays watched: its 'error' event, still to come, would end the process
    if (!failure) stopWatching();
  }
  return written;
}
