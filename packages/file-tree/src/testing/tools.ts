import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';

/**
 * Where everything that tests use is installed, and they run as root, so that what is missing is a failure.
 */
const REQUIRED = process.env.CI !== undefined;

/**
 * A test with a directory of its own, as root, and with these programs. It is skipped where they are not, and
 * says so.
 */
export function testAsRoot(
  name: string,
  tools: readonly string[],
  body: (directory: string) => void | Promise<void>,
): void {
  const missing = tools.filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (process.getuid?.() !== 0) missing.push('the rights of root');
  const run = () => withDirectory(body);
  if (missing.length === 0 || REQUIRED) test(name, run);
  else test.skip(`${name} (skipped for want of ${missing.join(', ')})`, run);
}

/** @param parent on which file system */
export async function withDirectory(
  use: (directory: string) => void | Promise<void>,
  parent = tmpdir(),
): Promise<void> {
  const directory = mkdtempSync(join(parent, 'file-tree-'));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What a program prints. @throws Error with its complaints when it fails */
export function runTool(tool: string, args: readonly string[], input: string | Uint8Array = ''): string {
  const { status, stdout, stderr, error } = spawnSync(tool, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}: status ${status}: ${stderr}`);
  return stdout;
}

/** The value of an extended attribute. */
export function readXattr(path: string, name: string, run = runTool): Buffer {
  const shown = run('getfattr', [
    '--absolute-names',
    '--no-dereference',
    '--encoding=hex',
    `--name=${name}`,
    path,
  ]);
  return Buffer.from(/=0x([0-9a-f]*)/.exec(shown)![1]!, 'hex');
}

export function writeXattr(path: string, name: string, value: Uint8Array, run = runTool): void {
  const hex = Buffer.from(value).toString('hex');
  run('setfattr', ['--no-dereference', `--name=${name}`, `--value=0x${hex}`, path]);
}
