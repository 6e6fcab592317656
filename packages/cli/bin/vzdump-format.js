#!/usr/bin/env node
// In the language of old Nodes, which are to get as far as to be told.
const { tooOld } = require('./node-version.js');

const wrong = tooOld(process.versions.node);
if (wrong === undefined) {
  require('./start.js');
} else {
  process.stderr.write(`vzdump-format: ${wrong}\n`);
  process.exitCode = 1;
}
