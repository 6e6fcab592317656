import type { ArchiveWarning } from '@vzdump-format/streams';
import type { LogLevel, OnDumpEvent } from './dump-event.js';

/** The words that log lines begin with, by which monitors know them. */
export const LOG_PREFIXES: Readonly<Record<LogLevel, string>> = {
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
};

/** The log of a whole job: everything that is said of it, and of each of its guests. */
export class JobLog {
  /** Given so far. */
  warnings = 0;
  /** Only warnings and errors are told. */
  isQuiet = false;

  constructor(private readonly onEvent: OnDumpEvent | undefined) {}

  readonly info = (message: string): void => this.add('info', message);
  readonly warn = (message: string): void => this.add('warn', message);
  readonly error = (message: string): void => this.add('error', message);

  /** For libraries. */
  readonly onWarning = ({ message }: ArchiveWarning): void => this.warn(message);

  /** @param vmid of the guest that it is about */
  add(level: LogLevel, message: string, vmid?: number): void {
    for (const line of linesOf(message)) {
      if (level === 'warn') this.warnings++;
      if (!this.isQuiet || level !== 'info') this.onEvent?.({ type: 'log', level, message: line, vmid });
    }
  }
}

/** A message of several lines becomes as many; empty ones say nothing. */
export function linesOf(message: string): readonly string[] {
  return message.split('\n').filter((line) => line !== '');
}
