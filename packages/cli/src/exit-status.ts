/** Exit statuses, as the manual lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  warnings: 3,
  interrupted: 130,
  terminated: 143,
} as const;

/** The command line was wrong; `hint` says where to look. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly hint = 'see vzdump-format --help',
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
