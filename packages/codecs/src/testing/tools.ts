import { spawn, spawnSync } from 'node:child_process';
import { type LibraryHandle, load } from 'koffi';
import { test } from 'vitest';

/** Set where the tools are part of the installation: then a missing one is a failure. */
const REQUIRED = process.env.CI !== undefined || process.env.VZDUMP_FORMAT_REQUIRE_TOOLS !== undefined;

/** A test against a real program. Without it, it is skipped, and says so. */
export function testWithTool(tool: string, name: string, body: () => Promise<void>): void {
  const missing = spawnSync(tool, ['--version']).error !== undefined;
  testWith(tool, !missing, name, body);
}

/** A test against a real library of the system. */
export function testWithLibrary(
  fileName: string,
  name: string,
  body: (library: LibraryHandle) => Promise<void>,
): void {
  const library = loadLibrary(fileName);
  testWith(fileName, library !== undefined, name, () => body(library!));
}

function loadLibrary(fileName: string): LibraryHandle | undefined {
  try {
    return load(fileName);
  } catch {
    return undefined;
  }
}

function testWith(what: string, installed: boolean, name: string, body: () => Promise<void>): void {
  if (installed || REQUIRED) test(`${what}: ${name}`, body);
  else test.skip(`${what}: ${name} (skipped: ${what} is not installed)`, body);
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
