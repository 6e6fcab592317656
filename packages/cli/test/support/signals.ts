/** What ends the work in order, with which exit status, and how the message calls it. */
export const SIGNALS = [
  ['SIGHUP', 129, 'the terminal is gone'],
  ['SIGINT', 130, 'interrupted'],
  ['SIGQUIT', 131, 'quit'],
  ['SIGTERM', 143, 'terminated'],
] as const;
