const { dirname, join } = require('node:path');
const { loadBundle } = require('vzdump-format/cached-bundle');

const bundle = join(dirname(__dirname), 'dist', 'codec-child.cjs');
loadBundle(bundle).exports.run(process.argv.slice(2));
