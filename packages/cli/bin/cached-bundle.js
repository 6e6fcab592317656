// Runs a bundle that was compiled beforehand: V8 takes the code cache that the build made beside it, unless another
// version of V8 made that, or it is of another bundle; then everything is compiled as it is used.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { Script } = require('node:vm');

module.exports = { loadBundle, readCodeCache, codeCacheOf };

/** @param {string} path @param {Buffer=} codeCache */
function loadBundle(path, codeCache) {
  const source = readFileSync(path, 'latin1');
  const script = new Script(`(function (exports, require, __filename) {${source}\n})`, {
    filename: path,
    cachedData: codeCache,
  });
  const exports = {};
  script.runInThisContext()(exports, createRequire(path), path);
  return { script, exports };
}

/** That of a command, if it has its own, or else that of all. */
function readCodeCache(path, command) {
  return readIfThere(codeCacheOf(path, command)) ?? readIfThere(codeCacheOf(path));
}

function codeCacheOf(path, command = '') {
  return /^[a-z]+$/.test(command) ? `${path}.${command}.cache` : `${path}.cache`;
}

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
