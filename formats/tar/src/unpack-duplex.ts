import type { Duplex } from 'node:stream';
import { toDuplex } from '@vzdump-format/streams';
import type { TarEntry } from './entry.js';
import { type UnpackTarOptions, unpackTar } from './unpack.js';

/**
 * `unpackTar` as a Duplex: bytes in, entries out. A Duplex asks ahead, so the next entry comes only when the content of
 * the one before was iterated, be it to its first chunk; a small content, which is bytes, may be left.
 */
export function createUnpackTar(options: UnpackTarOptions = {}): Duplex {
  // Duplex.from gives a signal, too, which tells that the stream was destroyed.
  return toDuplex((archive: AsyncIterable<Uint8Array>, context?: { readonly signal: AbortSignal }) =>
    waitingForContent(unpackTar(archive, options), context?.signal),
  );
}

async function* waitingForContent(
  entries: AsyncIterable<TarEntry>,
  destroyed: AbortSignal | undefined,
): AsyncGenerator<TarEntry> {
  for await (const entry of entries) {
    const { content } = entry;
    if (content === undefined) {
      yield entry;
    } else if (content instanceof Uint8Array) {
      yield { ...entry, content: new Uint8Array(content) };
    } else {
      let tellEnd = (): void => {};
      const end = new Promise<void>((resolve) => {
        tellEnd = resolve;
      });
      destroyed?.addEventListener('abort', tellEnd, { once: true });
      yield { ...entry, content: tellingEnd(content, tellEnd) };
      await end;
      destroyed?.removeEventListener('abort', tellEnd);
    }
  }
}

async function* tellingEnd(
  content: AsyncIterable<Uint8Array>,
  tellEnd: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } finally {
    tellEnd();
  }
}
