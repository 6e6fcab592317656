import type { Transform } from 'node:stream';

type ZlibStream = Transform & { readonly bytesWritten: number };

/**
 * Runs chunks through a node:zlib stream, which works on the thread pool. Each input chunk is given back to
 * its owner (the next is asked for) only when zlib has taken it in. When zlib finds its end before the source
 * does, `onRest` gets what is left of the last chunk, and the source stays open.
 */
export async function* throughZlib(
  zlib: ZlibStream,
  source: AsyncIterator<Uint8Array>,
  onRest?: (rest: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const feeding = feed(zlib, source, onRest);
  try {
    for await (const chunk of zlib) yield chunk as Uint8Array;
  } finally {
    zlib.destroy();
    await feeding;
  }
}

async function feed(
  zlib: ZlibStream,
  source: AsyncIterator<Uint8Array>,
  onRest: ((rest: Uint8Array) => void) | undefined,
): Promise<void> {
  let wake = () => {};
  zlib.once('close', () => wake());
  try {
    while (!zlib.destroyed) {
      const next = await source.next();
      if (zlib.destroyed) return;
      if (next.done) {
        zlib.end();
        return;
      }
      const before = zlib.bytesWritten;
      await new Promise<void>((resolve) => {
        wake = resolve; // zlib does not call back for a chunk in which it found its end
        zlib.write(next.value, () => resolve());
      });
      const taken = zlib.bytesWritten - before;
      if (taken < next.value.length) {
        onRest?.(next.value.subarray(taken));
        return;
      }
    }
  } catch (error) {
    zlib.destroy(error as Error);
  }
}
