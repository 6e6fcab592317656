import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'vitest';

/** What a program prints. @throws Error with what it wrote to stderr when it fails */
export async function runTool(tool: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(tool, args, { maxBuffer: 1 << 26 })).stdout;
}

/** A test as root, with programs. Where they need not be there, it says why it is skipped. */
export function testAsRoot(tools: readonly string[], name: string, body: () => Promise<void>): void {
  const lacking = process.env.CI === undefined ? missing(tools) : [];
  if (lacking.length === 0) test(name, body);
  else test.skip(`${name} (skipped: ${lacking.join(', ')} missing)`, body);
}

function missing(tools: readonly string[]): readonly string[] {
  const absent = tools.filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  return process.getuid?.() === 0 ? absent : ['root', ...absent];
}
