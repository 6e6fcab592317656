import { ContentProgress, contentPieces, type TreeSummary } from '@vzdump-format/file-tree';
import type { OnProgress } from '@vzdump-format/streams';
import type { PxarInput } from './forward-reader.js';
import { type UnpackPxarOptions, unpackPxar } from './unpack.js';

export interface VerifyPxarOptions
  extends Pick<UnpackPxarOptions, 'payload' | 'onHeader' | 'onWarning' | 'signal'> {
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Reads a whole archive, and with it the payload stream of a split one, and proves what can be proven: the
 * structure, every goodbye table against the entries, every hardlink against the file that it names, every
 * reference against the payload stream, and that nothing follows the end. Contents have no checksum in this
 * format.
 *
 * @throws ArchiveError, the first thing that is wrong
 */
export async function verifyPxar(archive: PxarInput, options: VerifyPxarOptions = {}): Promise<TreeSummary> {
  const { onProgress, ...unpackOptions } = options;
  const progress = new ContentProgress(onProgress);
  for await (const entry of progress.watch(unpackPxar(archive, { ...unpackOptions, verify: true }))) {
    for await (const _ of contentPieces(entry)); // what is proven is what has been read
  }
  return progress.summary;
}
