import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isInstalled, lockFile, printableName, unlockFile } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { errorText } from '../log.js';
import { Journal } from './journal.js';

/** What vzdump locks, so that one job runs on a node at a time. */
export const JOB_LOCK = '/var/run/vzdump.lock';

/** Between two attempts, in milliseconds. */
const PAUSE = 500;

export interface JobLockOptions {
  readonly path: string;
  /** How long to wait for another job to end, in minutes. */
  readonly waitMinutes: number;
  readonly onMessage: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The lock that vzdump and we take for the whole of a job (flock(2)). The kernel gives it up when the
 * process ends, however it does; what that process has left behind then stands in the file: its `journal`.
 */
export class JobLock {
  private constructor(
    private readonly file: FileHandle,
    readonly journal: Journal,
  ) {}

  /**
   * @throws `JOB_LOCK` when another job has it until the end of the wait; the system's error; the signal's
   * reason
   */
  static async acquire(options: JobLockOptions): Promise<JobLock> {
    const { path, signal } = options;
    signal?.throwIfAborted();
    const file = await openLock(path);
    try {
      await wait(file, options);
      return new JobLock(file, new Journal(file.fd, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Frees the lock for the next job. A failure is only reported, for the job itself is over. */
  async release(onFailure?: (message: string) => void): Promise<void> {
    const steps = [() => this.journal.end(), () => unlockFile(this.file.fd), () => this.file.close()];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        onFailure?.(errorText(error));
      }
    }
  }
}

/**
 * Ends the job that runs, if one does: asks it with SIGTERM, and waits.
 * @param patience in milliseconds
 * @throws `JOB_LOCK` when it does not end, or is none of ours to ask
 */
export async function stopJob(path: string, patience = 15_000): Promise<void> {
  const file = await openLock(path);
  try {
    if (lockFile(file.fd, { exclusive: true })) return;
    const pid = new Journal(file.fd, path).pid();
    if (pid === undefined) {
      throw new ArchiveError(
        'JOB_LOCK',
        `a job runs, and '${printableName(path)}' does not say which process it is`,
        {
          hint: isInstalled('vzdump')
            ? 'when it is vzdump, stop it with: vzdump --stop'
            : 'whoever holds that file locked has to be ended',
        },
      );
    }
    process.kill(pid, 'SIGTERM');
    for (let waited = 0; waited < patience; waited += PAUSE) {
      await sleep(PAUSE);
      if (lockFile(file.fd, { exclusive: true })) return;
    }
    throw new ArchiveError('JOB_LOCK', `the job does not end: process ${pid}`);
  } finally {
    await file.close();
  }
}

async function openLock(path: string): Promise<FileHandle> {
  const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  try {
    return await open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o644);
  } catch (cause) {
    throw new ArchiveError('JOB_LOCK', `can't open lock '${printableName(path)}' - ${errorText(cause)}`, {
      entry: path,
      hint: 'who is not root needs a lock elsewhere: --lock-file FILE',
      cause,
    });
  }
}

async function wait(file: FileHandle, options: JobLockOptions): Promise<void> {
  const { path, waitMinutes, onMessage, signal } = options;
  const busy = (why: string) => {
    return new ArchiveError('JOB_LOCK', `can't acquire lock '${printableName(path)}' ${why}`, {
      hint: 'another backup job runs on this host',
    });
  };
  if (lockFile(file.fd, { exclusive: true })) return;
  if (waitMinutes === 0) throw busy('(wait = 0)');
  onMessage('trying to get global lock - waiting...');
  const deadline = performance.now() + waitMinutes * 60_000;
  while (performance.now() < deadline) {
    await sleep(PAUSE, undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
    if (!lockFile(file.fd, { exclusive: true })) continue;
    onMessage('got global lock');
    return;
  }
  throw busy('- got timeout');
}
