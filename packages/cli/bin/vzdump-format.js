#!/usr/bin/env node
const { dirname, join } = require('node:path');
const { loadBundle } = require('./cached-bundle.js');

loadBundle(join(dirname(__dirname), 'dist', 'vzdump-format.cjs')).exports.run(process.argv.slice(2));
