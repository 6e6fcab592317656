import { readdirSync, readFileSync } from 'node:fs';
import { runTool } from '@vzdump-format/testing';

/** The processes that a process started, by their ids. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
}

/** `undefined` when it has ended meanwhile. Its name, before the fields, may hold anything (proc(5)). */
function parentOf(pid: string): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '');
    return Number(fields.split(' ')[1]);
  } catch {
    return undefined;
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when a process that need not be ours has ended. */
export async function hasEnded(pid: number): Promise<void> {
  await runTool('tail', `--pid=${pid}`, '-f', '/dev/null');
}
