import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type { DeflateEngine, DeflateEngineName } from './engine.js';

const LOADERS: Readonly<Record<DeflateEngineName, () => Promise<DeflateEngine>>> = {
  node: async () => (await import('./engine-node.js')).nodeEngine,
  js: async () => (await import('./engine-js.js')).jsEngine,
};

export const DEFLATE_ENGINES = Object.keys(LOADERS) as readonly DeflateEngineName[];

/** @throws `CODEC_ENGINE` */
export function checkedDeflateEngine(name: string | undefined): DeflateEngineName {
  const known = DEFLATE_ENGINES.find((engine) => engine === (name ?? 'node'));
  if (known !== undefined) return known;
  throw new ArchiveError('CODEC_ENGINE', `gzip has no engine '${name}'`, {
    hint: `there are ${DEFLATE_ENGINES.join(' and ')}`,
  });
}

/** @param codec what it is for. */
export function loadDeflateEngine(name: DeflateEngineName, codec = 'gzip'): Promise<DeflateEngine> {
  debugLog('%s by %s', codec, name);
  return LOADERS[name]();
}
