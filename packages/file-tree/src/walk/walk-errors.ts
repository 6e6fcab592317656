/** What the process is short of: no matter of one file. */
const NOT_OF_THE_FILE: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']);

/** Whether an error says that a name is no longer there, or no longer what it was. */
export function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ESTALE';
}

/** Whether the system says that this file cannot be read, which is no reason not to read others. */
export function isOfTheFile(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    'syscall' in error &&
    !NOT_OF_THE_FILE.has((error as NodeJS.ErrnoException).code)
  );
}
