import { requireNativeCalls, systemError } from '../native/native-calls.js';

// <linux/ioprio.h>
const IOPRIO_WHO_PROCESS = 1;
const IOPRIO_CLASS_SHIFT = 13;
const CLASSES = { 'best-effort': 2, idle: 3 } as const;

/** How soon disks serve a thread; `idle`: only while nobody else uses them. */
export interface IoPriority {
  readonly class: keyof typeof CLASSES;
  /** Within the class, 0 (first) to 7; of no meaning for `idle`. */
  readonly level: number;
}

/**
 * Sets the I/O priority of a thread (ioprio_set(2)); what it starts from then on has the same.
 * @param thread its id, as in /proc/self/task; 0 is the calling one
 * @throws a Node-style error: `ESRCH` when there is no such thread; `ENOSYS` without native calls
 */
export function setIoPriority(thread: number, priority: IoPriority): void {
  const calls = requireNativeCalls('ioprio_set');
  const value = (CLASSES[priority.class] << IOPRIO_CLASS_SHIFT) | priority.level;
  if (calls.ioprioSet(IOPRIO_WHO_PROCESS, thread, value) < 0) throw systemError(calls.errno(), 'ioprio_set');
}
