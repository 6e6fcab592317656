import { readdir } from 'node:fs/promises';
import { codecForCompressOption } from '@vzdump-format/codecs';
import { type IoPriority, setIoPriority as setThreadIoPriority, shellQuote } from '@vzdump-format/posix';
import {
  formatPropertyString,
  type GuestType,
  type OptionValue,
  type Properties,
  type Retention,
  retentionString,
  type VzdumpOptions,
  vzdumpOption,
} from '@vzdump-format/pve';
import type { GuestMethods } from '../../guest-access/guest-access.js';
import type { DumpResult, GuestResult } from '../dump-event.js';
import type { DumpOptions } from '../dump-options.js';
import { errorText } from '../error-text.js';
import { backupGuest } from '../guest/guest-backup.js';
import type { JobPhase } from '../hook-script.js';
import { mailRecipients, notify } from '../report/notification.js';
import { clearLeftovers } from './clear-leftovers.js';
import { type DumpJob, type DumpTarget, openTarget } from './dump-job.js';
import type { DumpPlan } from './dump-plan.js';
import { JOB_LOCK, JobLock } from './job-lock.js';
import type { JobLog } from './job-log.js';

/** What a job does it with. */
export interface JobSettings
  extends Pick<DumpOptions, 'output' | 'lockPath' | 'logDirectory' | 'setsPriority' | 'onEvent' | 'signal'> {
  readonly methods: Readonly<Record<GuestType, GuestMethods>>;
}

/** Backs up the guests of a plan, one after the other. One that fails keeps no other from its turn. */
export async function runJob(plan: DumpPlan, settings: JobSettings, log: JobLog): Promise<DumpResult> {
  return new Job(plan, settings, log).run();
}

class Job {
  private readonly results: GuestResult[] = [];
  private readonly guestLogs = new Map<number, string | undefined>();
  private readonly startedAt = performance.now();
  private readonly recipients: readonly string[];
  private target: DumpTarget | undefined;

  constructor(
    private readonly plan: DumpPlan,
    private readonly settings: JobSettings,
    private readonly log: JobLog,
  ) {
    this.recipients = mailRecipients(plan.options, log);
  }

  async run(): Promise<DumpResult> {
    const lock = await this.begin();
    try {
      await clearLeftovers(lock.journal, this.log);
      await this.backUpAll(this.jobOf(lock));
    } finally {
      await lock.release(this.log.warn);
    }
    await this.notify(undefined);
    return { guests: this.results, warnings: this.log.warnings };
  }

  /** Until it is this job's turn. */
  private async begin(): Promise<JobLock> {
    const { plan, settings, log } = this;
    const { signal, output, lockPath = JOB_LOCK } = settings;
    try {
      if (settings.setsPriority) await setIoPriority(plan.options.ionice, log.warn);
      await this.hook('job-init', signal);
      this.target = await openTarget(plan, output);
      const waitMinutes = plan.options.lockwait;
      return await JobLock.acquire({ path: lockPath, waitMinutes, onMessage: log.info, signal });
    } catch (error) {
      await this.fail(error);
      throw error;
    }
  }

  private jobOf({ journal }: JobLock): DumpJob {
    const { plan, settings, log, target, guestLogs } = this;
    const { root, storages, options, hooks } = plan;
    const { methods, logDirectory, onEvent, signal } = settings;
    const { compress, pigz, zstd } = options;
    return {
      ...{ root, storages, options, hooks, methods, journal, log, logDirectory, onEvent, signal },
      target: target!,
      compression: codecForCompressOption(compress, { pigz, zstd }),
      onGuestLog: this.recipients.length === 0 ? undefined : (vmid, text) => guestLogs.set(vmid, text),
    };
  }

  private async backUpAll(job: DumpJob): Promise<void> {
    const { plan, log, results, settings } = this;
    const { signal, onEvent } = settings;
    log.info(`starting new backup job: ${this.command}`);
    for (const message of plan.selection.messages) log.info(message);
    try {
      await this.hook('job-start', signal);
      const { vmids } = plan.selection;
      for (const [index, vmid] of vmids.entries()) {
        onEvent?.({ type: 'guest-started', vmid, position: index + 1, count: vmids.length });
        const result = await backupGuest(vmid, job);
        results.push(result);
        onEvent?.({ type: 'guest-ended', result });
        signal?.throwIfAborted();
      }
      await this.hook('job-end', signal);
    } catch (error) {
      await this.abort(error);
      throw error;
    }
    const failed = results.some(({ state }) => state === 'failed');
    log.info(failed ? 'Backup job finished with errors' : 'Backup job finished successfully');
  }

  private async abort(error: unknown): Promise<void> {
    const also = await this.hook('job-abort', undefined).then(
      () => '',
      (hookError: unknown) => `\n${errorText(hookError)}`,
    );
    await this.fail(error, also);
  }

  private async fail(error: unknown, also = ''): Promise<void> {
    const why = this.settings.signal?.aborted ? 'interrupted by signal' : errorText(error);
    this.log.error(`Backup job failed - ${why}${also}`);
    await this.notify(why + also);
  }

  private async notify(error: string | undefined): Promise<void> {
    const { plan, results, guestLogs, recipients, log, command } = this;
    const seconds = (performance.now() - this.startedAt) / 1000;
    const { vmids } = plan.selection;
    await notify({ command, vmids, results, logs: guestLogs, error, seconds }, recipients, plan.options, log);
  }

  private get command(): string {
    return commandEcho(this.plan.vmids, this.plan.commandLine);
  }

  private async hook(phase: JobPhase, signal: AbortSignal | undefined): Promise<void> {
    const { plan, target, log } = this;
    const job = {
      storage: plan.options.storage,
      dumpDirectory: target === undefined ? plan.options.dumpdir : target.directory,
    };
    await plan.hooks.runForJob(phase, job, { onLine: log.info, signal });
  }
}

/** Works only while nobody else wants the disks. */
const IDLE = 8;

/**
 * Sets the I/O priority of this process, with all its threads, as vzdump does: 0 to 7 within the best-effort
 * class, 8 idle. What it starts from then on has the same. Where that cannot be, the log is told.
 */
export async function setIoPriority(priority: number, warn: (message: string) => void): Promise<void> {
  const ofThreads: IoPriority =
    priority === IDLE ? { class: 'idle', level: 7 } : { class: 'best-effort', level: priority };
  try {
    for (const thread of await readdir('/proc/self/task')) setThreadIoPriority(Number(thread), ofThreads);
  } catch (error) {
    warn(`unable to set the I/O priority - ${errorText(error).trim()}`);
  }
}

/** What the log does not repeat. */
const LEFT_OUT: ReadonlySet<string> = new Set(['stdout', 'job-id']);

/** The job as a command line of vzdump: `vzdump 100 --mode snapshot --storage local`. */
export function commandEcho(vmids: readonly number[], options: VzdumpOptions): string {
  const words = Object.entries(options).flatMap(([name, value]) =>
    LEFT_OUT.has(name) || value === undefined
      ? []
      : textsOf(name, value)
          .filter((text) => text !== '')
          .map((text) => `--${name} ${shellQuote(text)}`),
  );
  return ['vzdump', ...vmids, ...words].join(' ');
}

/** As they would be given; an array takes as many options as it has items. */
function textsOf(name: string, value: OptionValue): readonly string[] {
  switch (vzdumpOption(name)?.type.kind) {
    case 'boolean':
      return [value === true ? '1' : '0'];
    case 'array':
      return value as readonly string[];
    case 'list':
    case 'guests':
      return [(value as readonly (string | number)[]).join(',')];
    case 'properties':
      return [formatPropertyString(value as Properties)];
    case 'retention':
      return [retentionString(value as Retention)];
    default:
      return [String(value)];
  }
}
