import { printableText } from '@vzdump-format/posix';
import type { ArchiveWarning } from '@vzdump-format/streams';
import type { LogLevel, OnDumpEvent } from '../dump-event.js';

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
  readonly onWarning = (warning: ArchiveWarning): void =>
    this.add(warning.isNotice ? 'info' : 'warn', inOneLine(warning));

  /** @param vmid of the guest that it is about */
  add(level: LogLevel, message: string, vmid?: number): void {
    for (const line of linesOf(message)) {
      if (level === 'warn') this.warnings++;
      if (!this.isQuiet || level !== 'info') this.onEvent?.({ type: 'log', level, message: line, vmid });
    }
  }
}

/** A message of several lines becomes as many, as they can be shown; empty ones say nothing. */
export function linesOf(message: string): readonly string[] {
  const lines = message.replaceAll('\t', TAB).split('\n');
  return lines.filter((line) => line !== '').map(printableText);
}

/**
 * What a library warns of has one line: a name in it cannot begin another, which would be taken for the
 * log's.
 */
export function inOneLine({ message }: ArchiveWarning): string {
  return printableText(message);
}

/** Programs that a job runs write tables with it. */
const TAB = ' '.repeat(4);
