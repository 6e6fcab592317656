import { constants } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isAccessible, runLogged } from '@vzdump-format/posix';
import type { EffectiveOptions } from '@vzdump-format/pve';
import type { GuestResult } from '../dump-options.js';
import { errorText, type JobLog, linesOf } from '../log.js';
import { exactBytes, formatDuration } from '../units.js';

/** What a notification tells of. */
export interface JobSummary {
  /** The job, as a command line. */
  readonly command: string;
  /** All that were to be backed up. */
  readonly vmids: readonly number[];
  /** What came of those whose turn it was. */
  readonly results: readonly GuestResult[];
  /** The beginnings of their logs. */
  readonly logs: ReadonlyMap<number, string | undefined>;
  /** What ended the job as a whole. */
  readonly error: string | undefined;
  readonly seconds: number;
}

const SBIN = ['/usr/sbin', '/sbin', '/usr/lib'];

/** Whom the job's outcome is mailed to. Proxmox VE's own notification targets cannot be reached from here. */
export function mailRecipients(options: EffectiveOptions, log: JobLog): readonly string[] {
  const { mailto = [], 'notification-mode': mode } = options;
  if (mode === 'notification-system') {
    log.warn("notification targets and matchers are Proxmox VE's own: nobody is notified of this job");
    return [];
  }
  return mailto;
}

/**
 * Mails the job's outcome, unless the recipients asked for failures only. A failure to do so is a warning.
 */
export async function notify(
  summary: JobSummary,
  recipients: readonly string[],
  options: EffectiveOptions,
  log: JobLog,
): Promise<void> {
  const failed = summary.error !== undefined || summary.results.some(({ state }) => state === 'failed');
  if (recipients.length === 0 || (options.mailnotification === 'failure' && !failed)) return;
  try {
    const program = findSendmail();
    if (program === undefined) throw new Error('there is no sendmail on this host');
    const mail = formatMail(summary, { host: hostname(), recipients });
    await runLogged(program, ['-B', '8BITMIME', '-f', 'root', '--', ...recipients], {
      env: { ...process.env, LC_ALL: 'C' },
      input: mail,
      onLine: (line) => log.warn(`sendmail: ${line}`),
    });
  } catch (error) {
    log.warn(`unable to notify ${recipients.join(', ')} - ${errorText(error)}`);
  }
}

function findSendmail(): string | undefined {
  for (const directory of [...(process.env.PATH ?? '').split(':'), ...SBIN]) {
    const path = join(directory, 'sendmail');
    if (directory !== '' && isAccessible(path, constants.X_OK)) return path;
  }
  return undefined;
}

export interface MailOptions {
  /** The name of this host. */
  readonly host: string;
  readonly recipients: readonly string[];
}

/** Longer logs are left out. In characters. */
const LONGEST_LOG = 1024 * 1024;
/** SMTP takes lines of up to 998 (RFC 5321). */
const LONGEST_LINE = 990;
const COLUMN_GAP = 4;
const HEADINGS = ['VMID', 'Name', 'Status', 'Time', 'Size', 'Filename'];

/**
 * The mail that tells what came of a job, as vzdump words it: its outcome in the subject, a table of the
 * guests, and their logs.
 */
export function formatMail(summary: JobSummary, { host, recipients }: MailOptions): string {
  const { error, results, vmids, seconds } = summary;
  const totalSize = results.reduce((sum, { state, size }) => sum + (state === 'ok' ? size : 0), 0);
  return [
    `From: vzdump backup tool <root@${host}>`,
    `To: ${recipients.join(', ')}`,
    `Subject: ${encodedWord(`vzdump backup status (${host}): ${outcome(summary)}`)}`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=UTF-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    ...(error === undefined ? [] : [...linesOf(error), '']),
    'Details',
    '=======',
    ...table([HEADINGS, ...vmids.map((vmid) => row(vmid, results))]),
    '',
    `Total running time: ${formatDuration(seconds)}`,
    `Total size: ${exactBytes(totalSize)}`,
    '',
    'Logs',
    '====',
    ...logs(summary),
    '',
  ].join('\n');
}

function outcome({ error, results }: JobSummary): string {
  if (error === undefined) {
    return results.some(({ state }) => state === 'failed') ? 'backup failed' : 'backup successful';
  }
  return `backup failed: ${error.includes('\n') ? 'multiple problems' : error}`;
}

function row(vmid: number, results: readonly GuestResult[]): string[] {
  const result = results.find((each) => each.vmid === vmid);
  if (result === undefined) return [String(vmid), '', 'todo', '0s', '0 B', 'null'];
  const { name = '', state, seconds, size, archive = 'null' } = result;
  const isOk = state === 'ok';
  return [
    String(vmid),
    name,
    isOk ? 'ok' : 'err',
    formatDuration(seconds),
    exactBytes(isOk ? size : 0),
    isOk ? archive : 'null',
  ];
}

/** Each column is as wide as what is longest in it, and a gap. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEADINGS.map(
    (_, column) => Math.max(...rows.map((row) => row[column]!.length)) + COLUMN_GAP,
  );
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join(''));
}

function logs({ command, vmids, logs: texts }: JobSummary): readonly string[] {
  const lines = vmids.flatMap((vmid) => [...guestLog(vmid, texts.get(vmid)), '']);
  const all = [command, '', ...lines];
  if (all.reduce((sum, line) => sum + line.length + 1, 0) > LONGEST_LOG) {
    return ['Log output was too long to be sent. See Task History for details!'];
  }
  return all;
}

function guestLog(vmid: number, text: string | undefined): readonly string[] {
  if (text === undefined) return [`${vmid}: no log available`];
  return text
    .split('\n')
    .filter((line) => line !== '' && !/^status: \d+/.test(line))
    .flatMap((line) => broken(`${vmid}: ${line}`));
}

function broken(line: string): readonly string[] {
  return line.match(new RegExp(`.{1,${LONGEST_LINE}}`, 'gsu')) ?? [];
}

/** RFC 2047, where there is more than ASCII. */
function encodedWord(text: string): string {
  const plain = text.replace(/[\r\n]+/g, ' ');
  if (/^[\x20-\x7e]*$/.test(plain)) return plain;
  return `=?UTF-8?B?${Buffer.from(plain).toString('base64')}?=`;
}
