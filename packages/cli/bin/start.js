// Runs the command line on a Node that is new enough.
const { dirname, join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { loadBundle, bundleOf } = require('./cached-bundle.js');

/** For a program that is soon done. Node 20 to 26 know them all. */
const FLAGS = [
  // Hardly any young object lives on, so there is nothing to share; but each time V8 would wake its threads
  // and wait for them, beside codecs that keep all processors busy.
  '--no-parallel-scavenge',
  // To compile functions together with all that they call takes a tenth of the time of a listing, and makes
  // it no faster.
  '--max-inlined-bytecode-size-cumulative=200',
];

const args = process.argv.slice(2);
const bundle = join(dirname(__dirname), 'dist', 'vzdump-format.cjs');
const { run } = loadBundle(bundleOf(bundle, args[0])).exports;
// only now, since V8 passes over a code cache that was made with other flags
for (const flag of FLAGS) setFlagsFromString(flag);
run(args);
