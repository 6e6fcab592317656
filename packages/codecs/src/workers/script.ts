import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/**
 * The built file that a codec's worker threads run. It is found through this package's exports, so that it is
 * the same one for the sources, the built package, and a program that this code was bundled into.
 */
export function workerScript(codec: 'bzip2' | 'lzo'): URL {
  const path = createRequire(import.meta.url).resolve(`@vzdump-format/codecs/workers/${codec}`);
  return pathToFileURL(path);
}
