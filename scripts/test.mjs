// Runs the tests: all of them after a whole build, or, of those that are named, what they need is built.
import { buildChanged, run } from './build-changed.mjs';

const args = process.argv.slice(2);
const areNamed = args.some((arg) => !arg.startsWith('-'));
const isBuilt = areNamed ? buildChanged() : run('npm', 'run', 'build');
process.exitCode = isBuilt && run(process.execPath, 'node_modules/vitest/vitest.mjs', 'run', ...args) ? 0 : 1;
