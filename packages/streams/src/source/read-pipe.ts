import type { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { alignedMemory } from '../aligned-memory.js';

/**
 * A chunk is still in the processor's cache when it is used, and a call into the thread pool is paid for by
 * so much.
 */
const BUFFER_SIZE = 512 * 1024;
const BUFFERS = 4;

/**
 * The bytes of a pipe or socket until its end, at a third of what `process.stdin` costs. A chunk is valid
 * until the next is asked for. Ending the iteration closes the descriptor.
 * @throws the system's error, or the signal's reason
 */
export async function* readPipe(fd: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const spare = Array.from({ length: BUFFERS }, () => alignedMemory(BUFFER_SIZE));
  const filled: { readonly buffer: Uint8Array<ArrayBuffer>; readonly length: number }[] = [];
  let ended = false;
  let failure: Error | undefined;
  let wake = () => {};
  const onread = {
    buffer: () => spare.pop()!,
    callback: (length: number, buffer: Uint8Array<ArrayBuffer>) => {
      filled.push({ buffer, length });
      wake();
      return spare.length > 1; // one more is taken before the pause takes effect
    },
  };
  // The types know `onread` for `connect` alone.
  const net = process.getBuiltinModule('node:net');
  const socket = new net.Socket({ fd, readable: true, writable: false, onread } as ConstructorParameters<
    typeof Socket
  >[0]);
  socket.once('end', () => {
    ended = true;
    wake();
  });
  socket.once('error', (error) => {
    failure = error;
    wake();
  });
  if (signal !== undefined) addAbortSignal(signal, socket);
  try {
    for (;;) {
      const next = filled.shift();
      if (next !== undefined) {
        yield next.buffer.subarray(0, next.length);
        spare.push(next.buffer);
        socket.resume();
        continue;
      }
      if (failure !== undefined) throw signal?.aborted ? signal.reason : failure;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        socket.resume();
      });
    }
  } finally {
    socket.destroy();
  }
}
