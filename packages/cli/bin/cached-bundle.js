// Runs a bundle that was compiled beforehand: V8 takes the code cache that the build made beside it, unless another
// version of V8 made that, or it is of another bundle; then everything is compiled as it is used.
const { existsSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { Script } = require('node:vm');

module.exports = { loadBundle, bundleOf, codeCacheOf };

/** @param {string} path */
function loadBundle(path) {
  const source = readFileSync(path, 'latin1');
  const script = new Script(`(function (exports, require, __filename) {${source}\n})`, {
    filename: path,
    cachedData: readIfThere(codeCacheOf(path)),
  });
  const exports = {};
  script.runInThisContext()(exports, createRequire(path), path);
  return { script, exports };
}

/**
 * That of a command, if it has its own, or else that of all.
 * @param {string} path of the bundle of all commands
 * @param {string=} command as it was given
 */
function bundleOf(path, command = '') {
  const own = path.replace(/cjs$/, `${command}.cjs`);
  return /^[a-z]+$/.test(command) && existsSync(own) ? own : path;
}

/** @param {string} path of a bundle */
function codeCacheOf(path) {
  return `${path}.cache`;
}

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
