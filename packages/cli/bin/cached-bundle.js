// Runs a bundle that was compiled beforehand: V8 takes the code cache that the build made beside it, unless another
// version of V8 made that, or it is of another bundle; then everything is compiled as it is used.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { Script } = require('node:vm');

module.exports = { loadBundle, codeCacheOf };

function loadBundle(path) {
  const source = readFileSync(path, 'latin1');
  const script = new Script(`(function (exports, require, __filename) {${source}\n})`, {
    filename: path,
    cachedData: readCodeCache(path),
  });
  const exports = {};
  script.runInThisContext()(exports, createRequire(path), path);
  return { script, exports };
}

function codeCacheOf(path) {
  return `${path}.cache`;
}

function readCodeCache(path) {
  try {
    return readFileSync(codeCacheOf(path));
  } catch {
    return undefined;
  }
}
