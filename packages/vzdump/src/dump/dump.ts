import { ArchiveError } from '@vzdump-format/streams';
import { containerMethods } from '../guest-access/container/container-stop.js';
import { vmMethods } from '../guest-access/vm/vm-methods.js';
import type { DumpResult } from './dump-event.js';
import type { DumpOptions } from './dump-options.js';
import { planDump } from './job/dump-plan.js';
import { JOB_LOCK, stopJob } from './job/job-lock.js';
import { JobLog } from './job/job-log.js';
import { runJob } from './job/run-job.js';

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
  return runJob(
    plan,
    { output, lockPath, logDirectory, setsPriority, onEvent, signal, methods: { ...ownMethods, ...methods } },
    log,
  );
}

function requireOutput({ stdout, output }: DumpOptions): void {
  if ((stdout === true) === (output !== undefined)) return;
  throw new ArchiveError('OPTION_REQUIRES', "'stdout' and 'output' go together");
}
