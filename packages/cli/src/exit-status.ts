export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  warnings: 3,
  interrupted: 130,
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
  { status: EXIT.interrupted, meaning: 'interrupted (SIGINT); nothing half-written has a final name' },
  { status: EXIT.terminated, meaning: 'terminated (SIGTERM), likewise' },
];

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

/** A signal ended the work. */
export class Interrupted extends Error {
  constructor(readonly signal: 'SIGINT' | 'SIGTERM') {
    super(signal === 'SIGINT' ? 'interrupted' : 'terminated');
    this.name = 'Interrupted';
  }
}
