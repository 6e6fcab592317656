import { constants } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isAccessible, runLogged } from '@vzdump-format/posix';
import type { EffectiveOptions } from '@vzdump-format/pve';
import { errorText } from '../error-text.js';
import type { JobLog } from '../job/job-log.js';
import type { JobSummary } from './mail.js';
import { formatMail } from './mail.js';

const SBIN = ['/usr/sbin', '/sbin', '/usr/lib'];

/** Whom the job's outcome is mailed to. Proxmox VE's own targets cannot be told from here. */
export function mailRecipients(options: EffectiveOptions, log: JobLog): readonly string[] {
  const { mailto = [], 'notification-mode': mode } = options;
  if (mode === 'notification-system') {
    log.warn("notification targets and matchers are Proxmox VE's own: nobody is notified of this job");
    return [];
  }
  return mailto;
}

/**
 * Tells whom it concerns what came of the job, unless they asked for failures only. What fails is a warning.
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
