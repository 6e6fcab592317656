import { constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAccessible, printableName, runLogged } from '@vzdump-format/posix';
import type { GuestType } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import type { AccessPhase, BackupMode } from '../guest-access/guest-access.js';

export type JobPhase = 'job-init' | 'job-start' | 'job-end' | 'job-abort';
export type GuestPhase = AccessPhase | 'backup-start' | 'backup-end' | 'backup-abort' | 'log-end';

/** What hook scripts are told of the whole job. */
export interface HookJob {
  readonly storage: string | undefined;
  readonly dumpDirectory: string | undefined;
}

/** What they are told of one guest's backup, besides. What is not known yet is left out. */
export interface HookGuest extends HookJob {
  readonly vmid: number;
  readonly mode: BackupMode;
  readonly type: GuestType | undefined;
  /** The guest's name. */
  readonly hostName: string | undefined;
  /** The archive's path, `-` for standard output. */
  readonly target: string | undefined;
  readonly logFile: string | undefined;
}

export interface RunHookOptions {
  /** Told each line that the script writes. */
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The program that vzdump calls at each step: `SCRIPT PHASE` for the job, `SCRIPT PHASE MODE VMID` for a
 * guest. Of the environment it gets nothing but what is written here, not even PATH.
 */
export class HookScript {
  private constructor(private readonly path: string | undefined) {}

  /** @param path none calls nothing @throws `HOOK_SCRIPT` */
  static async of(path: string | undefined): Promise<HookScript> {
    if (path !== undefined) await requireScript(path);
    return new HookScript(path);
  }

  /** @throws `PROGRAM_FAILED`, whose message names the phase; the signal's reason */
  async runForJob(phase: JobPhase, job: HookJob, options: RunHookOptions): Promise<void> {
    await this.run([phase], environmentOf(job), options);
  }

  /** @throws as `runForJob` */
  async runForGuest(phase: GuestPhase, guest: HookGuest, options: RunHookOptions): Promise<void> {
    const { type, hostName, target, logFile } = guest;
    const own = { VMTYPE: type, HOSTNAME: hostName, TARGET: target, LOGFILE: logFile };
    const args = [phase, guest.mode, String(guest.vmid)];
    await this.run(args, { ...environmentOf(guest), ...own }, options);
  }

  private async run(args: readonly string[], env: NodeJS.ProcessEnv, options: RunHookOptions): Promise<void> {
    if (this.path !== undefined) await runLogged(this.path, args, { ...options, env });
  }
}

function environmentOf({ storage, dumpDirectory }: HookJob): NodeJS.ProcessEnv {
  return { LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1', STOREID: storage, DUMPDIR: dumpDirectory };
}

async function requireScript(path: string): Promise<void> {
  const fail = (what: string) => {
    throw new ArchiveError('HOOK_SCRIPT', `The hook script '${printableName(path)}' ${what}.`, {
      entry: path,
    });
  };
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) fail('does not exist');
  else if (!found.isFile()) fail('is not a file');
  if (!isAccessible(path, constants.X_OK)) fail('is not executable');
}
