import { readdir } from 'node:fs/promises';
import { type IoPriority, setIoPriority as setThreadIoPriority } from '@vzdump-format/posix';
import { errorText } from '../error-text.js';

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
