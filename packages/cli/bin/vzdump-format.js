#!/usr/bin/env node
const { dirname, join } = require('node:path');
const { loadBundle, readCodeCache } = require('./cached-bundle.js');

const args = process.argv.slice(2);
const bundle = join(dirname(__dirname), 'dist', 'vzdump-format.cjs');
loadBundle(bundle, readCodeCache(bundle, args[0])).exports.run(args);
