import { STANDARD_OUTPUT } from '@vzdump-format/streams';

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  warnings: 3,
  hungUp: 129,
  interrupted: 130,
  quit: 131,
  outputClosed: 141,
  terminated: 143,
} as const;

export interface ExitStatus {
  readonly status: number;
  readonly meaning: string;
}

/** Exit statuses, as help and the manual page list them. */
export const exitStatuses: readonly ExitStatus[] = [
  { status: EXIT.done, meaning: 'done' },
  { status: EXIT.failed, meaning: 'failed: a bad archive, an I/O error, a failed stage' },
  { status: EXIT.usage, meaning: 'the command line is wrong; nothing was done' },
  { status: EXIT.warnings, meaning: 'done, with warnings' },
  { status: EXIT.hungUp, meaning: 'the terminal is gone (SIGHUP); nothing half-written has a final name' },
  { status: EXIT.interrupted, meaning: 'interrupted (SIGINT), likewise' },
  { status: EXIT.quit, meaning: 'quit (SIGQUIT), likewise' },
  {
    status: EXIT.outputClosed,
    meaning: 'nobody reads standard output any more (SIGPIPE): that is no error, and nothing is said',
  },
  { status: EXIT.terminated, meaning: 'terminated (SIGTERM), likewise' },
];

/**
 * Whether the reader of standard output is gone, as `head` is once it has enough. SIGPIPE ends other programs
 * then, without a word.
 */
export function isOutputClosed(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, path } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' && path === STANDARD_OUTPUT;
}

/** The command line was wrong. */
export class UsageError extends Error {
  /** @param hint what to do; unless given, where to look */
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
    this.name = 'UsageError';
  }
}
