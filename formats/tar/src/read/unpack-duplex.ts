import type { Duplex } from 'node:stream';
import { toDuplex } from '@vzdump-format/streams';
import type { TarEntry } from '../entry.js';
import { type UnpackTarOptions, unpackTar } from './unpack.js';

/**
 * `unpackTar` as a Duplex: bytes in, entries out. A Duplex asks ahead, so the next entry comes only when the
 * content of the one before was iterated, be it to its first chunk; a small content, which is bytes, may be
 * left.
 */
export function createUnpackTar(options: UnpackTarOptions = {}): Duplex {
  return toDuplex((archive: AsyncIterable<Uint8Array>) => waitingForContent(unpackTar(archive, options)));
}

async function* waitingForContent(entries: AsyncIterable<TarEntry>): AsyncGenerator<TarEntry> {
  for await (const entry of entries) {
    const { content } = entry;
    if (content === undefined || content instanceof Uint8Array) {
      yield entry;
    } else {
      let tellEnd = (): void => {};
      const end = new Promise<void>((resolve) => {
        tellEnd = resolve;
      });
      yield { ...entry, content: tellingEnd(content, tellEnd) };
      await end;
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
