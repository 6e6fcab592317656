import type { EntryType } from '@vzdump-format/file-tree';
import type { PxarInput } from './forward-reader.js';
import { type UnpackPxarOptions, unpackPxar } from './unpack.js';

export interface VerifyPxarOptions
  extends Pick<UnpackPxarOptions, 'payload' | 'onHeader' | 'onWarning' | 'signal'> {
  /** Called with the bytes of contents that were read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** What a verified archive holds. */
export interface PxarSummary {
  readonly entries: Readonly<Record<EntryType, number>>;
  /** Of all contents. */
  readonly bytes: number;
}

/**
 * Reads a whole archive, and with it the payload stream of a split one, and proves what can be proven: the
 * structure, every goodbye table against the entries, every hardlink against the file that it names, every
 * reference against the payload stream, and that nothing follows the end. Contents have no checksum in this
 * format.
 *
 * @throws ArchiveError, the first thing that is wrong
 */
export async function verifyPxar(archive: PxarInput, options: VerifyPxarOptions = {}): Promise<PxarSummary> {
  const { onProgress, ...unpackOptions } = options;
  const entries = { file: 0, directory: 0, symlink: 0, hardlink: 0, block: 0, char: 0, fifo: 0, socket: 0 };
  let bytes = 0;
  for await (const entry of unpackPxar(archive, { ...unpackOptions, verify: true })) {
    entries[entry.type]++;
    const { content } = entry;
    if (content === undefined) continue;
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      bytes += chunk.length;
      onProgress?.(bytes);
    }
  }
  return { entries, bytes };
}
