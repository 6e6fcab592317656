// Runs the bundle that was compiled beforehand: V8 takes the code cache that the build made beside it, if
// this very Node made it, and of this bundle; else everything is compiled as it is used.
const { readFileSync, statSync } = require('node:fs');
const { createRequire } = require('node:module');
const { Script } = require('node:vm');

module.exports = { loadBundle, codeCacheOf };

/** @param {string} path */
function loadBundle(path) {
  const source = readFileSync(path, 'latin1');
  const script = new Script(`(function (exports, require, __filename) {${source}\n})`, {
    filename: path,
    cachedData: readIfThere(path),
  });
  const exports = {};
  script.runInThisContext()(exports, createRequire(path), path);
  return { script, exports };
}

/**
 * V8 tells other versions' caches from its own, but not those of another Node with the same V8, and crashes
 * on them (20.19.6 on one of 20.20.2). So they are told apart by the executable.
 * @param {string} path of the bundle
 */
function codeCacheOf(path) {
  const { size, mtimeMs } = statSync(process.execPath);
  return `${path}.${process.version}-${process.arch}-${size}-${Math.floor(mtimeMs)}.cache`;
}

/** @param {string} path of the bundle */
function readIfThere(path) {
  try {
    return readFileSync(codeCacheOf(path));
  } catch {
    return undefined;
  }
}
