import { closeSync, constants, mkdtempSync, openSync, rmdirSync, unlinkSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { bytesToPath, isAccessible, pathToBytes, printableName, printableText } from '@vzdump-format/posix';
import { type GuestType, localTimeOf, padded } from '@vzdump-format/pve';
import type { BackupWriter } from '@vzdump-format/stores';
import { type ArchiveWarning, withFileName } from '@vzdump-format/streams';
import type { GuestLog } from '../guest-access/guest-access.js';
import type { LogLevel, OnDumpEvent } from './dump-options.js';

/** The words that log lines begin with, by which monitors know them. */
export const LOG_PREFIXES: Readonly<Record<LogLevel, string>> = {
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
};

/** Where vzdump keeps the log of each guest's last backup. */
const LOG_DIRECTORY = '/var/log/vzdump';

/** What a tab becomes: programs that a job runs write tables with tabs. */
const TAB = ' '.repeat(4);

/** The log of a whole job: everything that is said of it, and of each of its guests. */
export class JobLog {
  /** How many warnings were given so far. */
  warnings = 0;
  /** Only warnings and errors are told. */
  isQuiet = false;

  constructor(private readonly onEvent: OnDumpEvent | undefined) {}

  readonly info = (message: string): void => this.add('info', message);
  readonly warn = (message: string): void => this.add('warn', message);
  readonly error = (message: string): void => this.add('error', message);

  /** Takes the warnings of libraries. */
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

/** The lines of a message, in printable form; empty ones are left out. */
export function linesOf(message: string): readonly string[] {
  const lines = message.replaceAll('\t', TAB).split('\n');
  return lines.filter((line) => line !== '').map(printableText);
}

/**
 * What a library warns of has one line: a name in it cannot begin another, which would be taken for the
 * log's.
 */
function inOneLine({ message }: ArchiveWarning): string {
  return printableText(message);
}

interface LogFile {
  readonly path: string;
  readonly fd: number;
}

/**
 * The log of one guest's backup: its lines go to the job's log, and, with the time in front, to a file of
 * their own, of which a copy is put beside the archive in the end.
 *
 * ```
 * 2026-11-20 02:00:00 INFO: Starting Backup of VM 100 (qemu)
 * ```
 */
export class GuestLogFile implements GuestLog {
  private file: LogFile | undefined;
  private isOver = false;

  constructor(
    private readonly vmid: number,
    private readonly job: JobLog,
  ) {}

  /**
   * Starts the file. @param directory where it goes if that can be written to; otherwise the file is a
   * temporary one
   */
  open(type: GuestType, directory = LOG_DIRECTORY): void {
    const name = `${type}-${this.vmid}.log`;
    const isWritable = isAccessible(directory, constants.W_OK);
    this.file = isWritable ? openFile(join(directory, name)) : openWithoutName(name);
  }

  readonly info = (message: string): void => this.add('info', message);
  readonly warn = (message: string): void => this.add('warn', message);
  readonly error = (message: string): void => this.add('error', message);

  /** Takes the warnings of libraries. */
  readonly onWarning = (warning: ArchiveWarning): void =>
    this.add(warning.isNotice ? 'info' : 'warn', inOneLine(warning));

  /** Goes to the job's log only. */
  readonly infoToJob = (message: string): void => this.job.add('info', message, this.vmid);

  private add(level: LogLevel, message: string): void {
    this.job.add(level, message, this.vmid);
    for (const line of linesOf(message)) this.write(`${timeStamp()} ${LOG_PREFIXES[level]}: ${line}\n`);
  }

  /** A full disk must not keep the backup from ending well: what cannot be written is only a warning. */
  private write(line: string): void {
    if (this.file === undefined || this.isOver) return;
    try {
      writeSync(this.file.fd, pathToBytes(line));
    } catch (cause) {
      this.end();
      const error = withFileName(cause, this.file);
      this.job.add('warn', `the log ends here: ${errorText(error)}`, this.vmid);
    }
  }

  /** No more goes into the file. */
  end(): void {
    this.isOver = true;
  }

  /** @throws the system's error */
  async keepIn(writer: BackupWriter): Promise<void> {
    if (this.file !== undefined) await writer.keepLog(this.file.path);
  }

  /** The beginning of the file; `undefined` when there is none. */
  async beginning(bytes: number): Promise<string | undefined> {
    if (this.file === undefined) return undefined;
    const file = await open(this.file.path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
      return bytesToPath(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  }

  /** Closes the file. A temporary one is gone then. */
  close(): void {
    this.end();
    if (this.file !== undefined) closeSync(this.file.fd);
    this.file = undefined;
  }
}

function openFile(path: string): LogFile {
  return { path, fd: openSync(path, 'w+', 0o640) };
}

/**
 * Nothing of it is left, even if this process is killed: it has lost its name, and is found by its descriptor
 * alone.
 */
function openWithoutName(name: string): LogFile {
  const directory = mkdtempSync(join(tmpdir(), 'vzdump-format-log-'));
  try {
    const path = join(directory, name);
    const { fd } = openFile(path);
    unlinkSync(path);
    return { path: `/proc/self/fd/${fd}`, fd };
  } finally {
    rmdirSync(directory);
  }
}

/** `2026-11-20 02:00:00`, local time. */
export function timeStamp(date = new Date()): string {
  const { year, month, day, hour, minute, second } = localTimeOf(Math.floor(date.getTime() / 1000));
  const time = [hour, minute, second].map((part) => padded(part)).join(':');
  return `${padded(year, 4)}-${padded(month)}-${padded(day)} ${time}`;
}

/**
 * What the log says of an error, in one line where it is the system's: `write /dump/a.dat: no space left on
 * device`.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno, path, dest, syscall } = error as NodeJS.ErrnoException & { readonly dest?: string };
  const reason = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  if (reason === undefined || syscall === undefined) return error.message;
  const places = [path, dest].flatMap((place) => (place === undefined ? [] : [printableName(place)]));
  return `${[syscall, places.join(' → ')].filter((part) => part !== '').join(' ')}: ${reason}`;
}
