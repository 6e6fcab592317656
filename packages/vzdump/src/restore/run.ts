import { type Command, runTool } from '@vzdump-format/posix';

/** Runs one of the system's programs, for as long as it takes. @returns what it wrote to standard output */
export type Run = (...command: Command) => Promise<string>;

export const run: Run = (...command) => runTool(command, { timeout: Number.POSITIVE_INFINITY });
