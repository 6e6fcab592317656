import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { koffi: version } = createRequire(import.meta.url)('../packages/posix/package.json').dependencies;
const REQUIRE_KOFFI = "createRequire(import.meta.url)('koffi')";
const loader = fileURLToPath(new URL('require-koffi.mjs', import.meta.url));

/** A plugin for the bundler: has koffi's binary loaded by its path, where that is known. */
export const loadKoffiBinary = {
  name: 'load-koffi-binary',

  transform(code) {
    if (!code.includes(REQUIRE_KOFFI)) return undefined;
    const call = `requireKoffi(createRequire(import.meta.url), ${JSON.stringify(version)})`;
    return `import { requireKoffi } from ${JSON.stringify(loader)};\n${code.replaceAll(REQUIRE_KOFFI, call)}`;
  },

  renderChunk(code) {
    if (!code.includes('@koromix/koffi-')) throw new Error(`nothing in the bundle has ${REQUIRE_KOFFI}`);
  },
};
