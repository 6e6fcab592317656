import { spawn, spawnSync } from 'node:child_process';
import { test } from 'vitest';

/** Set where the tools are part of the installation: then a missing one is a failure. */
const REQUIRED = process.env.CI !== undefined || process.env.VZDUMP_FORMAT_REQUIRE_TOOLS !== undefined;

/** A test against a real program. Without it, it is skipped, and says so. */
export function testWithTool(tool: string, name: string, body: () => Promise<void>): void {
  const missing = spawnSync(tool, ['--version']).error !== undefined;
  if (!missing || REQUIRED) test(`${tool}: ${name}`, body);
  else test.skip(`${tool}: ${name} (skipped: ${tool} is not installed)`, body);
}

/** What the program makes of `input`. @throws Error with what it wrote to stderr when it fails. */
export async function runTool(tool: string, args: readonly string[], input: Uint8Array): Promise<Buffer> {
  const child = spawn(tool, args);
  const output: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  child.stdin.on('error', () => {}); // it may end without having read all
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0)
    throw new Error(`${tool} ${args.join(' ')}: status ${status}: ${Buffer.concat(complaints)}`);
  return Buffer.concat(output);
}
