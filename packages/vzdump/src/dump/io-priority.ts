import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errorText } from './error-text.js';

/** Works only while nobody else wants the disks. */
const IDLE = 8;

/**
 * Sets the I/O priority of this process, with all its threads, as vzdump does: 0 to 7 within the best-effort class, 8 idle.
 * What it starts from then on has the same. Where that cannot be, the log is told.
 */
export async function setIoPriority(priority: number, warn: (message: string) => void): Promise<void> {
  const priorityArgs = priority === IDLE ? ['-c3'] : ['-c2', `-n${priority}`];
  try {
    const threads = await readdir('/proc/self/task');
    await promisify(execFile)('ionice', [...priorityArgs, '-p', ...threads]);
  } catch (error) {
    warn(`unable to set the I/O priority - ${errorText(error).trim()}`);
  }
}
