// Runs the command line from its modules instead of the bundle, for debuggers and profilers.
import { run } from '../packages/cli/dist/main.js';

await run(process.argv.slice(2));
