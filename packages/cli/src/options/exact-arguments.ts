import { readFileSync } from 'node:fs';
import { bytesToPath } from '@vzdump-format/posix';

/** What Node puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * The arguments with all their bytes, in which names need not be UTF-8, as paths have them. Where the system
 * does not tell, they are as Node has them.
 */
export function exactArguments(argv: readonly string[]): readonly string[] {
  if (argv.length === 0 || !argv.some((argument) => argument.includes(REPLACEMENT))) return argv;
  const exact = commandLine().slice(-argv.length);
  const isSame = argv.every((argument, index) => exact[index]?.toString() === argument);
  return isSame ? exact.map(bytesToPath) : argv;
}

/** Of this process, each argument ended by a NUL. */
function commandLine(): Buffer[] {
  let rest: Buffer;
  try {
    rest = readFileSync('/proc/self/cmdline');
  } catch {
    return [];
  }
  const all: Buffer[] = [];
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    all.push(rest.subarray(0, end));
    rest = rest.subarray(end + 1);
  }
  return all;
}
