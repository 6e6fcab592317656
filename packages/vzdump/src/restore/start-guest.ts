import { type Command, isInstalled, runTool } from '@vzdump-format/posix';
import { DEFAULT_PVE_ROOT, type GuestType } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { HOST_PROGRAMS, isHostConfiguration } from '../guest-access/host-program.js';
import type { RestoreJob } from './restore-job.js';

/** Seconds: Proxmox VE waits for a machine with much memory to be made. */
const TIMEOUT = 300;

/**
 * Makes sure that a guest can be started when it is whole, if it is to be: only a host of Proxmox VE knows
 * how.
 * @throws `RESTORE_START`
 */
export async function requireStartable({ options, pveRoot }: RestoreJob, type: GuestType): Promise<void> {
  if (options.start !== true) return;
  const program = HOST_PROGRAMS[type];
  if (!isInstalled(program)) throw notStartable(`${program}, which would start it, is not installed`);
  if (!isHostConfiguration(pveRoot.directory))
    throw notStartable(`${program} knows only the guests of ${DEFAULT_PVE_ROOT}`);
}

/** The guest is there: that it does not start does not undo it. */
export async function startGuest(job: RestoreJob, type: GuestType): Promise<void> {
  const { options, tell } = job;
  if (options.start !== true) return;
  tell({ type: 'starting' });
  try {
    await runTool(startCommand(type, options.vmid), { timeout: TIMEOUT });
  } catch (error) {
    const message = `${options.vmid} was restored, but does not start: ${(error as Error).message}`;
    options.onWarning?.({ code: 'RESTORE_START', message });
  }
}

export function startCommand(type: GuestType, vmid: number): Command {
  return [HOST_PROGRAMS[type], 'start', String(vmid)];
}

function notStartable(why: string): ArchiveError {
  return new ArchiveError('RESTORE_START', `the guest cannot be started: ${why}`, {
    hint: 'restore it with --start 0',
  });
}
