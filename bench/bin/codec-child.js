const { dirname, join } = require('node:path');
const { loadBundle } = require('vzdump-format/cached-bundle');

loadBundle(join(dirname(__dirname), 'dist', 'codec-child.cjs')).exports.run(process.argv.slice(2));
