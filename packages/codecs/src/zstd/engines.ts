import { ArchiveError, debugLog } from '@vzdump-format/streams';
import { NODE_WITH_ZSTD, type ZstdEngine, type ZstdEngineName } from './engine.js';

/**
 * Measured on 190 MiB of text and code, at level 3: libzstd takes 0.74 s of processor time, and
 * `@mongodb-js/zstd` 1.07 s; docs/dependencies.md has `node`. To measure again, set `engine` in the
 * options of a case of bench/src/codecs.ts.
 */
const LOADERS: Readonly<Record<ZstdEngineName, () => Promise<ZstdEngine>>> = {
  libzstd: async () => (await import('./libraries/libzstd-engine.js')).loadLibzstdEngine(),
  node: async () => (await import('./libraries/node-engine.js')).loadNodeEngine(),
  '@mongodb-js/zstd': async () => (await import('./libraries/mongodb-engine.js')).loadMongodbEngine(),
};

/** In the order in which they are tried. */
export const ZSTD_ENGINES = Object.keys(LOADERS) as readonly ZstdEngineName[];

/** Checks an engine's name; undefined stands for the first that is installed. @throws `CODEC_ENGINE` */
export function checkedEngineName(name: string | undefined): ZstdEngineName | undefined {
  const known = ZSTD_ENGINES.find((engine) => engine === name);
  if (known !== undefined || name === undefined) return known;
  throw new ArchiveError('CODEC_ENGINE', `zstd has no engine '${name}'`, {
    hint: `there are ${ZSTD_ENGINES.join(' and ')}`,
  });
}

/**
 * Loads an engine. Which there are depends on the system, on Node and on optional dependencies.
 * @throws `ZSTD_ENGINE` when it, or all of them, are missing.
 */
export async function loadEngine(name?: ZstdEngineName): Promise<ZstdEngine> {
  const failures: Error[] = [];
  for (const candidate of name === undefined ? ZSTD_ENGINES : [name]) {
    try {
      const engine = await LOADERS[candidate]();
      debugLog('zstd by %s', candidate);
      return engine;
    } catch (error) {
      failures.push(error as Error);
    }
  }
  throw new ArchiveError('ZSTD_ENGINE', `there is no library for zstd (${name ?? ZSTD_ENGINES.join(', ')})`, {
    hint: `Node.js ${NODE_WITH_ZSTD} or newer has one; else npm install koffi, which calls the libzstd of the system, or @mongodb-js/zstd`,
    cause: new AggregateError(failures, failures.map(({ message }) => message).join('; ')),
  });
}
