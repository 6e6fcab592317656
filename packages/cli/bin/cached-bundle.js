// Runs a bundle that was compiled beforehand: V8 takes the code cache that the build made beside it, if this
// very Node made it, and of this bundle; else everything is compiled as it is used.
const { existsSync, readFileSync, statSync } = require('node:fs');
const { createRequire } = require('node:module');
const { Script } = require('node:vm');

module.exports = { loadBundle, bundleOf, codeCacheOf };

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
 * That of a command, if it has its own, or else that of all.
 * @param {string} path of the bundle of all commands
 * @param {string=} command as it was given
 */
function bundleOf(path, command = '') {
  const own = path.replace(/cjs$/, `${command}.cjs`);
  return /^[a-z]+$/.test(command) && existsSync(own) ? own : path;
}

/**
 * V8 tells other versions' caches from its own, but not those of another Node with the same V8, and crashes
 * on them (20.19.6 on one of 20.20.2). So they are told apart by the executable.
 * @param {string} path of a bundle
 */
function codeCacheOf(path) {
  const { size, mtimeMs } = statSync(process.execPath);
  return `${path}.${process.version}-${process.arch}-${size}-${Math.floor(mtimeMs)}.cache`;
}

/** @param {string} path of a bundle */
function readIfThere(path) {
  try {
    return readFileSync(codeCacheOf(path));
  } catch {
    return undefined;
  }
}
