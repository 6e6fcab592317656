import type { Guest, GuestConfig } from '@vzdump-format/pve';
import type { DumpJob } from '../job/dump-job.js';
import type { BackupPlace } from './backup-place.js';
import type { GuestLogFile } from './guest-log.js';

/** What making the archive of one guest takes. */
export interface ArchiveRun {
  readonly guest: Guest;
  /** Without the lock of the backup itself. */
  readonly config: GuestConfig;
  readonly job: DumpJob;
  readonly log: GuestLogFile;
  readonly place: BackupPlace;
  /** What is left out of a container. */
  readonly excludePatterns: readonly string[];
}

/** Where the archive goes, as `packVm` and `packTree` take it; what that is called is told to the journal. */
export function archiveOutput({ job, log, place }: ArchiveRun) {
  const { codec, options: compress } = job.compression;
  const common = { codec, compress, onWarning: log.onWarning, signal: job.signal };
  if (place.files === undefined) {
    log.info('sending archive to stdout');
    return { ...common, output: job.target.output! };
  }
  const { archive, unfinished } = place.files;
  log.info(`creating vzdump archive '${archive}'`);
  job.journal.add({ kind: 'unfinished', path: unfinished });
  return { ...common, output: archive, partialPath: unfinished };
}
