import { constants } from 'node:fs';
import { join } from 'node:path';
import { ArchiveError, isNotFound } from '@vzdump-format/streams';
import { isAccessible } from '../file/by-path.js';
import { hasEscapedBytes, printableName } from '../path-text.js';
import { runLogged } from './run-logged.js';

/** A program and its arguments, for no shell to read. */
export type Command = readonly [program: string, ...args: string[]];

export interface RunToolOptions {
  /** Seconds that it may take, or infinity; 60 unless given. */
  readonly timeout?: number;
  /** Exit codes that count as success, beside 0. */
  readonly acceptedCodes?: readonly number[];
  /** Called with each line of its standard error, as it comes. */
  readonly onErrorLine?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT = 60;
/** Lines of its standard error that a message shows. */
const LINES_TOLD = 3;
/** What is kept of its standard output, in characters. */
const MAX_OUTPUT = 1024 * 1024;

/** Debian's packages of programs that need not be there. */
export const PACKAGES: Readonly<Record<string, string>> = {
  btrfs: 'btrfs-progs',
  'lxc-config': 'lxc',
  'lxc-freeze': 'lxc',
  'lxc-info': 'lxc',
  'lxc-start': 'lxc',
  'lxc-stop': 'lxc',
  'lxc-unfreeze': 'lxc',
  lvchange: 'lvm2',
  lvcreate: 'lvm2',
  lvremove: 'lvm2',
  lvs: 'lvm2',
  'mkfs.ext4': 'e2fsprogs',
  rsync: 'rsync',
  zfs: 'zfsutils-linux',
};

/**
 * Runs one of the system's programs to its end.
 * @returns what it wrote to standard output
 * @throws `PROGRAM_FAILED` with its last lines, `PROGRAM_MISSING`, `PROGRAM_TIMEOUT`; `PROGRAM_ARGUMENT` for
 * bytes that are not UTF-8, which Node cannot pass on; the signal's reason
 */
export async function runTool([program, ...args]: Command, options: RunToolOptions = {}): Promise<string> {
  const { timeout = DEFAULT_TIMEOUT, acceptedCodes, onErrorLine, signal } = options;
  const bad = args.find(hasEscapedBytes);
  if (bad !== undefined) {
    const message = `${program} cannot be told of '${printableName(bad)}': it holds bytes that are not UTF-8`;
    throw new ArchiveError('PROGRAM_ARGUMENT', message, { entry: program });
  }
  const tooLong = Number.isFinite(timeout) ? AbortSignal.timeout(timeout * 1000) : undefined;
  const complaints: string[] = [];
  let output = '';
  try {
    await runLogged(program, args, {
      env: toolEnvironment(),
      acceptedCodes,
      signal: AbortSignal.any([signal, tooLong].filter((each) => each !== undefined)),
      onLine: (line, stream) => {
        if (stream === 'stdout') {
          output = `${output}${line}\n`.slice(-MAX_OUTPUT);
          return;
        }
        onErrorLine?.(line);
        if (line.trim() !== '') complaints.push(line.trim());
        if (complaints.length > LINES_TOLD) complaints.shift();
      },
    });
    return output;
  } catch (error) {
    signal?.throwIfAborted();
    if (tooLong?.aborted) {
      const message = `${program} has not ended within ${timeout} seconds`;
      throw new ArchiveError('PROGRAM_TIMEOUT', message, { entry: program });
    }
    throw explained(program, error as ArchiveError, complaints);
  }
}

/**
 * This process's environment, but with messages in English, and with the directories of root's programs,
 * which not every user's PATH has.
 */
export function toolEnvironment(): NodeJS.ProcessEnv {
  const path = `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
  return { ...process.env, LC_ALL: 'C', PATH: path };
}

/** Whether there is such a program where `runTool` looks for it. */
export function isInstalled(program: string): boolean {
  return toolEnvironment()
    .PATH!.split(':')
    .some((directory) => isAccessible(join(directory, program), constants.X_OK));
}

function explained(program: string, error: ArchiveError, complaints: readonly string[]): ArchiveError {
  const { cause } = error;
  if (isNotFound(cause)) {
    const name = PACKAGES[program];
    return new ArchiveError('PROGRAM_MISSING', `${program} is not installed`, {
      entry: program,
      hint: name === undefined ? undefined : `install it: Debian has it in the package ${name}`,
      cause,
    });
  }
  if (complaints.length === 0) return error;
  const message = `${error.message} - ${complaints.map(printableName).join(' ')}`;
  return new ArchiveError(error.code, message, { entry: program, cause });
}
