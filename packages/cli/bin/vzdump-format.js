#!/usr/bin/env node
// Runs the bundle, compiled beforehand: V8 takes the code cache that the build made beside it, unless another version
// of V8 made that, or it is of another bundle; then everything is compiled as it is used.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

const BUNDLE = join(dirname(__dirname), 'dist', 'vzdump-format.cjs');
const CODE_CACHE = `${BUNDLE}.cache`;

if (require.main === module) load().exports.run(process.argv.slice(2));
else Object.assign(module.exports, { load, CODE_CACHE }); // the build makes the cache

function load() {
  const source = readFileSync(BUNDLE, 'latin1');
  const script = new Script(`(function (exports, require, __filename) {${source}\n})`, {
    filename: BUNDLE,
    cachedData: readCodeCache(),
  });
  const exports = {};
  script.runInThisContext()(exports, createRequire(BUNDLE), BUNDLE);
  return { script, exports };
}

function readCodeCache() {
  try {
    return readFileSync(CODE_CACHE);
  } catch {
    return undefined;
  }
}
