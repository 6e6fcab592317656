import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { programPath } from './requirements.js';

/** What a program prints. @throws Error with what it wrote to stderr when it fails */
export async function runTool(tool: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: programPath() };
  return (await promisify(execFile)(tool, args, { maxBuffer: 1 << 26, env })).stdout;
}

export interface RunToolOptions {
  readonly input?: string | Uint8Array;
  /** Exit statuses; otherwise only 0. */
  readonly accepted?: readonly number[];
  /** What decides how the program takes and shows bytes. */
  readonly locale?: 'C' | 'C.UTF-8';
}

/** What a program prints, in UTC. @throws Error with its complaints when its status is not accepted */
export function runToolSync(
  tool: string,
  args: readonly string[],
  { input = '', accepted = [0], locale = 'C' }: RunToolOptions = {},
): Buffer {
  const env = { ...process.env, PATH: programPath(), LC_ALL: locale, TZ: 'UTC' };
  const { status, stdout, stderr, error } = spawnSync(tool, args, { input, maxBuffer: 1 << 28, env });
  if (error !== undefined) throw error;
  if (status === null || !accepted.includes(status)) {
    throw new Error(`${tool} ${args.join(' ')}: status ${status}: ${stderr.toString()}`);
  }
  return stdout;
}
