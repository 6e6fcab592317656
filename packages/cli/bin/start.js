// Runs the command line on a Node that is new enough.
const { dirname, join } = require('node:path');
const { loadBundle } = require('./cached-bundle.js');

const { run } = loadBundle(join(dirname(__dirname), 'dist', 'vzdump-format.cjs')).exports;
run(process.argv.slice(2));
