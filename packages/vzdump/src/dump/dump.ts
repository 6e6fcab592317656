import { readdir } from 'node:fs/promises';
import { codecForCompressOption } from '@vzdump-format/codecs';
import { type IoPriority, setIoPriority, shellQuote } from '@vzdump-format/posix';
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
import { ArchiveError } from '@vzdump-format/streams';
import { containerMethods } from '../guest-access/container/container-methods.js';
import type { GuestMethods } from '../guest-access/guest-access.js';
import { vmMethods } from '../guest-access/vm-methods.js';
import type { DumpOptions, DumpResult, GuestResult } from './dump-options.js';
import { backupGuest } from './guest/guest-backup.js';
import type { JobPhase } from './hook-script.js';
import { type DumpJob, type DumpPlan, type DumpTarget, openTarget, planDump } from './job/dump-job.js';
import { JOB_LOCK, JobLock, stopJob } from './job/job-lock.js';
import { clearLeftovers } from './job/journal.js';
import { mailRecipients, notify } from './job/mail.js';
import { errorText, JobLog } from './log.js';

/**
 * Backs up guests, as `vzdump` does: finds them in Proxmox VE's configuration, makes an archive of each,
 * names it, and removes older ones.
 *
 *     const options = { vmids: [100, 101], storage: 'local', compress: 'zstd' };
 *     const { guests } = await dump({ ...options, onEvent: console.log });
 *
 * A guest whose backup fails is told by its result, and the next one has its turn.
 *
 * @throws what is wrong with the options (`OPTION_CONFLICT` and the like); `JOB_LOCK`; `PROGRAM_FAILED` of a
 * hook script for the job as a whole; the signal's reason
 */
export async function dump(options: DumpOptions): Promise<DumpResult> {
  const { vmids = [], pveRoot, configFile, forceRunning, lxcPath, methods, ...rest } = options;
  const { output, lockPath, logDirectory, setsPriority, onEvent, signal, ...commandLine } = rest;
  signal?.throwIfAborted();
  requireOutput(options);
  const log = new JobLog(onEvent);
  if (commandLine.stop === true) await stopJob(lockPath ?? JOB_LOCK);
  const plan = await planDump({ vmids, commandLine, pveRoot, configFile }, log);
  if (plan === undefined) return { guests: [], warnings: log.warnings };
  const ownMethods = { qemu: vmMethods({ forceRunning }), lxc: containerMethods({ lxcPath }) };
  const settings = { output, lockPath, logDirectory, setsPriority, onEvent, signal };
  return new Job(plan, { ...settings, methods: { ...ownMethods, ...methods } }, log).run();
}

function requireOutput({ stdout, output }: DumpOptions): void {
  if ((stdout === true) === (output !== undefined)) return;
  throw new ArchiveError('OPTION_REQUIRES', "'stdout' and 'output' go together");
}

/** What the caller of a job provides. */
interface JobSettings
  extends Pick<DumpOptions, 'output' | 'lockPath' | 'logDirectory' | 'setsPriority' | 'onEvent' | 'signal'> {
  readonly methods: Readonly<Record<GuestType, GuestMethods>>;
}

/** Backs up the guests of a plan, one after the other. One that fails keeps no other from its turn. */
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

  /** Waits until it is this job's turn. */
  private async begin(): Promise<JobLock> {
    const { plan, settings, log } = this;
    const { signal, output, lockPath = JOB_LOCK } = settings;
    try {
      if (settings.setsPriority) await setProcessIoPriority(plan.options.ionice, log.warn);
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
 * Sets the I/O priority of this process, with all its threads, as vzdump does: 0 to 7 within the
 * best-effort class, 8 idle. What it starts from then on has the same. A failure is a warning in the log.
 */
async function setProcessIoPriority(priority: number, warn: (message: string) => void): Promise<void> {
  const ofThreads: IoPriority =
    priority === IDLE ? { class: 'idle', level: 7 } : { class: 'best-effort', level: priority };
  try {
    for (const thread of await readdir('/proc/self/task')) setIoPriority(Number(thread), ofThreads);
  } catch (error) {
    warn(`unable to set the I/O priority - ${errorText(error).trim()}`);
  }
}

/** Options that the log does not repeat. */
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

/** The texts of an option's values: an array takes as many options as it has items. */
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
