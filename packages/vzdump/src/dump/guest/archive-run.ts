import type { OutputSink } from '@vzdump-format/archives';
import type { Guest, GuestConfig } from '@vzdump-format/pve';
import { ARCHIVE_STREAM, type BackupWriter } from '@vzdump-format/stores';
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
  if (place.archive === undefined) {
    log.info('sending archive to stdout');
    return { ...common, output: job.target.output! };
  }
  const writer = place.writer!;
  log.info(`creating vzdump archive '${place.archive}'`);
  job.journal.add({ kind: 'unfinished', path: writer.unfinishedPath });
  return { ...common, output: intoStore(writer) };
}

/** The archive is all that the backup consists of. */
function intoStore(writer: BackupWriter): OutputSink {
  return async (bytes, options) => {
    const size = await writer.write(ARCHIVE_STREAM, bytes, options);
    await writer.commit();
    return size;
  };
}
