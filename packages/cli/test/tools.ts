import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'vitest';

/** Set where the tools are part of the installation: then a missing one is a failure. */
const REQUIRED = process.env.CI !== undefined || process.env.VZDUMP_FORMAT_REQUIRE_TOOLS !== undefined;

const known = new Map<string, boolean>();

/** Whether a program can be started; true where it must be, so that its absence shows. */
export function hasTool(tool: string): boolean {
  if (REQUIRED) return true;
  const found = known.get(tool) ?? spawnSync(tool, ['--version']).error === undefined;
  known.set(tool, found);
  return found;
}

/** A test that needs programs. Without them, it is skipped, and says so. */
export function testWithTools(tools: readonly string[], name: string, body: () => Promise<void>): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length === 0) test(name, body);
  else test.skip(`${name} (skipped: ${missing.join(', ')} is not installed)`, body);
}

/** A test that mounts, or makes block devices. */
export function testAsRoot(name: string, body: () => Promise<void>): void {
  if (process.getuid?.() === 0 || REQUIRED) test(name, body);
  else test.skip(`${name} (skipped: only root can)`, body);
}

/** What a program prints. @throws Error with what it wrote to stderr when it fails. */
export async function runTool(tool: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(tool, args, { maxBuffer: 1 << 26 })).stdout;
}
