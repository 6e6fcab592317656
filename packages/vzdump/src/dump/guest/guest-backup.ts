import { STANDARD_EXCLUDES } from '@vzdump-format/file-tree';
import { bytesToPath, printableName, removeTree } from '@vzdump-format/posix';
import type { Guest } from '@vzdump-format/pve';
import {
  configValue,
  drivePaths,
  type GuestConfig,
  parseGuestConfig,
  readConfigFile,
} from '@vzdump-format/pve';
import { ArchiveError, debugLog } from '@vzdump-format/streams';
import type {
  BackupMode,
  GuestAccess,
  GuestContext,
  GuestData,
  PreparedGuest,
} from '../../guest-access/guest-access.js';
import type { GuestResult } from '../dump-options.js';
import type { GuestPhase } from '../hook-script.js';
import type { DumpJob } from '../job/dump-job.js';
import { errorText, GuestLogFile, timeStamp } from '../log.js';
import { clockDuration, renderFileSize } from '../units.js';
import { afterBackup, type BackupPlace, makeTemporaryDirectory, placeBackup } from './backup-in-store.js';
import { type ArchiveRun, archiveContainer, archiveVm } from './guest-archive.js';
import { type LockedGuest, lockGuest } from './guest-lock.js';

/** What is kept of a guest's log for a mail. */
const MAX_MAILED_LOG = 1024 * 1024;

/** Backs up one guest. What goes wrong stands in the log and in the result: it never throws. */
export async function backupGuest(vmid: number, job: DumpJob): Promise<GuestResult> {
  return new GuestBackup(vmid, job).run();
}

/** The backup of one guest under way, with all that has to be put back in the end. */
class GuestBackup {
  /** Known once the guest was found. */
  private guest: Guest | undefined;
  private readonly log: GuestLogFile;
  private mode: BackupMode;
  private place: BackupPlace | undefined;
  private temporaryDirectory: string | undefined;
  private locked: LockedGuest | undefined;
  private prepared: PreparedGuest | undefined;
  /** What the guest is called; known once its configuration was understood. */
  private name: string | undefined;
  private size = 0;
  private archive: string | undefined;
  /** From then on, an abort no longer ends anything early. */
  private isOver = false;

  constructor(
    private readonly vmid: number,
    private readonly job: DumpJob,
  ) {
    this.log = new GuestLogFile(vmid, job.log);
    this.mode = job.options.mode as BackupMode;
  }

  async run(): Promise<GuestResult> {
    const startedAt = performance.now();
    const failure = await this.make().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    this.job.onEvent?.({ type: 'progress-ended', vmid: this.vmid });
    await this.putBack();
    const seconds = (performance.now() - startedAt) / 1000;
    await this.conclude(failure, seconds);
    const { vmid, guest, name, archive, size } = this;
    const state = failure === undefined ? 'ok' : 'failed';
    return { vmid, type: guest?.type, name, state, error: failure?.error, archive, size, seconds };
  }

  private async make(): Promise<void> {
    const { job, log } = this;
    job.signal?.throwIfAborted();
    const guest = await job.root.guest(this.vmid);
    this.guest = guest;
    this.place = await placeBackup(guest, job, log);
    log.open(guest.type, job.logDirectory);
    this.temporaryDirectory = await makeTemporaryDirectory(guest, this.place, job, log);
    log.info(`Starting Backup of VM ${guest.vmid} (${guest.type})`);
    log.infoToJob(`Backup started at ${timeStamp()}`);
    const isRunning = await this.isRunning(guest);
    log.info(`status = ${isRunning ? 'running' : 'stopped'}`);
    this.locked = await lockGuest(job.root, guest, job.journal);
    const { config } = this.locked;
    this.name = guestName(guest, config);
    this.prepared = await this.prepare(guest, config, isRunning);
    await this.hook('backup-start');
    const data = await this.prepared.open();
    this.size = await this.makeArchive(data, guest, config);
    if (this.archive !== undefined) {
      log.info(`archive file size: ${renderFileSize(this.size)}`);
      const { id, path } = this.place.writer!;
      await afterBackup({ guest, guestName: this.name, id, archive: path, job, log });
    }
    await this.hook('backup-end');
  }

  /** Gives no warnings about the configuration: they come when that is read under the lock. */
  private async isRunning(guest: Guest): Promise<boolean> {
    const { root, storages, methods, signal } = this.job;
    const config = parseGuestConfig(bytesToPath(await readConfigFile(guest.configPath)), guest.type);
    const images = guest.type === 'qemu' ? drivePaths(config, storages, root.node) : [];
    return methods[guest.type].isRunning(guest, images, signal);
  }

  /** In the mode asked for, or the next one where that cannot be. */
  private async prepare(guest: Guest, config: GuestConfig, isRunning: boolean): Promise<PreparedGuest> {
    const { job, log } = this;
    const access = (mode: BackupMode) => job.methods[guest.type].access(guest, mode, isRunning);
    const first = access(isRunning ? this.mode : 'stop');
    debugLog(
      'guest %d: %s, the mode asked for is %s, the one taken %s',
      ...[guest.vmid, isRunning ? 'runs' : 'does not run', this.mode, first.mode],
    );
    if (first.mode !== 'snapshot') return this.prepareIn(first, this.contextOf(guest, config, isRunning));
    try {
      const prepared = await this.prepareWith(first, this.contextOf(guest, config, isRunning));
      this.tellMode(first.mode);
      return prepared;
    } catch (error) {
      if (!(error instanceof ArchiveError) || error.code !== 'MODE_UNSUPPORTED') throw error;
      debugLog('guest %d: not in the mode %s, but suspend: %s', guest.vmid, first.mode, error.message);
      log.info(error.message);
      log.info("trying 'suspend' mode instead");
      return this.prepareIn(access('suspend'), this.contextOf(guest, config, isRunning));
    }
  }

  private async prepareIn(access: GuestAccess, context: GuestContext): Promise<PreparedGuest> {
    this.tellMode(access.mode);
    return this.prepareWith(access, context);
  }

  private async prepareWith(access: GuestAccess, context: GuestContext): Promise<PreparedGuest> {
    const { name, log } = this;
    if (name !== undefined) log.info(`${context.guest.type === 'qemu' ? 'VM' : 'CT'} Name: ${name}`);
    return access.prepare(context);
  }

  private tellMode(mode: BackupMode): void {
    const { bwlimit, ionice } = this.job.options;
    this.mode = mode;
    this.log.info(`backup mode: ${mode}`);
    if (bwlimit > 0) this.log.info(`bandwidth limit: ${bwlimit} KiB/s`);
    this.log.info(`ionice priority: ${ionice}`);
  }

  private contextOf(guest: Guest, config: GuestConfig, isRunning: boolean): GuestContext {
    const { storages, root, options, signal } = this.job;
    return {
      ...{ guest, config, isRunning, storages, signal },
      node: root.node,
      temporaryDirectory: this.temporaryDirectory!,
      excludePatterns: excludePatterns(guest, this.job),
      bandwidthLimit: options.bwlimit,
      stopWait: options.stopwait,
      log: this.log,
      phase: (name) => this.hook(name),
    };
  }

  private async makeArchive(data: GuestData, guest: Guest, config: GuestConfig): Promise<number> {
    const { job, log } = this;
    const run: ArchiveRun = {
      ...{ guest, config, job, log, place: this.place! },
      excludePatterns: excludePatterns(guest, job),
    };
    const size = data.kind === 'disks' ? await archiveVm(data, run) : await archiveContainer(data, run);
    this.archive = this.place!.archive;
    return size;
  }

  /** Whatever happened: the guest is unlocked, runs as it did, and no temporary file is left. */
  private async putBack(): Promise<void> {
    this.isOver = true;
    let isRight = true;
    const steps = [
      () => this.place?.writer?.abort(),
      () => this.locked?.unlock(),
      () => this.prepared?.release(),
      () => this.temporaryDirectory && removeTree(this.temporaryDirectory),
    ];
    const attempt = async (step: () => unknown) => {
      try {
        await step();
      } catch (error) {
        this.log.warn(errorText(error));
        this.tellHint(error);
        isRight = false;
      }
    };
    for (const step of steps) await attempt(step);
    await attempt(() => this.job.journal.settle(isRight));
  }

  private async conclude(failure: { error: unknown } | undefined, seconds: number): Promise<void> {
    const { log, vmid } = this;
    if (failure === undefined) {
      log.info(`Finished Backup of VM ${vmid} (${clockDuration(seconds)})`);
      log.infoToJob(`Backup finished at ${timeStamp()}`);
    } else {
      await this.tellFailure(failure.error);
    }
    log.end();
    await this.keepLog();
    await this.hookAfter('log-end');
    log.close();
  }

  private async tellFailure(error: unknown): Promise<void> {
    const { log, vmid, job } = this;
    const why = job.signal?.aborted ? 'interrupted by signal' : errorText(error);
    log.error(`Backup of VM ${vmid} failed - ${why}`);
    this.tellHint(error);
    log.infoToJob(`Failed at ${timeStamp()}`);
    await this.hookAfter('backup-abort');
  }

  private tellHint(error: unknown): void {
    if (error instanceof ArchiveError && error.hint !== undefined) this.log.info(`hint: ${error.hint}`);
  }

  private async keepLog(): Promise<void> {
    const { log, place, job, vmid } = this;
    try {
      job.onGuestLog?.(vmid, await log.beginning(MAX_MAILED_LOG));
      if (place?.writer !== undefined) await log.keepIn(place.writer);
    } catch (error) {
      log.warn(`unable to keep the log - ${errorText(error)}`);
    }
  }

  private async hook(phase: GuestPhase): Promise<void> {
    const { vmid, mode, guest, place, name, job } = this;
    await job.hooks.runForGuest(
      phase,
      {
        ...{ vmid, mode, type: guest?.type, hostName: name },
        storage: job.target.storage?.id,
        dumpDirectory: job.target.directory,
        target: place && (place.archive ?? '-'),
        logFile: place?.writer?.logPath,
      },
      { onLine: this.log.info, signal: this.isOver ? undefined : job.signal },
    );
  }

  /** Calls the script when the guest's backup is over: its failure is only a warning. */
  private async hookAfter(phase: GuestPhase): Promise<void> {
    try {
      await this.hook(phase);
    } catch (error) {
      this.log.warn(errorText(error));
    }
  }
}

/** A container has a name in any case. */
function guestName({ type, vmid }: Guest, config: GuestConfig): string | undefined {
  const name = configValue(config, type === 'qemu' ? 'name' : 'hostname');
  if (name !== undefined) return printableName(name);
  return type === 'lxc' ? `CT${vmid}` : undefined;
}

function excludePatterns({ type }: Guest, { options }: DumpJob): readonly string[] {
  const standard = type === 'lxc' && options.stdexcludes ? STANDARD_EXCLUDES : [];
  return [...options['exclude-path'], ...standard];
}
