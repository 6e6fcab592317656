import { addAbortSignal } from 'node:stream';
import type { Codec } from '@vzdump-format/codecs';
import { setPipeSize } from '@vzdump-format/posix';
import { blockingWriter, type WriteAt, writeFully, writeToStream } from '@vzdump-format/streams';
import { UsageError } from './exit-status.js';

/** Linux lets anybody have pipes of this size; with 64 KiB, both ends spend their time waking each other. */
export const PIPE_SIZE = 1024 * 1024;

/**
 * Standard output, for data that may wait for its reader: an abort ends the waiting.
 * @throws UsageError when it is a terminal, which binary data is not written to
 */
export function binaryOutput(what: string, signal: AbortSignal): NodeJS.WriteStream {
  if (process.stdout.isTTY) {
    throw new UsageError(
      `${what} is binary data, which is not written to a terminal`,
      'redirect it: … > FILE',
    );
  }
  setPipeSize(process.stdout.fd, PIPE_SIZE);
  return addAbortSignal(signal, process.stdout);
}

/**
 * How files are best written beside this codec. Without one there is nothing to do while a write lasts; with one, its
 * threads have to be kept busy.
 */
export function writerFor(codec: Codec): WriteAt {
  return codec.name === 'none' ? blockingWriter() : writeFully;
}

/** Prints text as it is. */
export async function print(text: string): Promise<void> {
  await printBytes(Buffer.from(text));
}

export async function printJson(document: unknown): Promise<void> {
  await print(`${JSON.stringify(document, undefined, 2)}\n`);
}

export async function printBytes(bytes: Uint8Array): Promise<void> {
  await writeToStream(once(bytes), process.stdout);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
