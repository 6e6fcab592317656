import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'vitest';

/** Set where the tools are part of the installation: then a missing one is a failure. */
const REQUIRED = process.env.CI !== undefined || process.env.VZDUMP_FORMAT_REQUIRE_TOOLS !== undefined;
const MISSING = ['qemu-nbd', 'qemu-img'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);

/** A test against the real QEMU. Without it, it is skipped, and says so. */
export function testWithQemu(name: string, body: () => Promise<void>): void {
  if (MISSING.length === 0 || REQUIRED) test(name, body);
  else test.skip(`${name} (skipped: ${MISSING.join(', ')} is not installed)`, body);
}

/** @throws Error with what it wrote to stderr when it fails. */
export async function qemuImg(...args: readonly string[]): Promise<void> {
  await promisify(execFile)('qemu-img', args);
}
