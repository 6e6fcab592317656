import { spawn } from 'node:child_process';
import { REQUIRED } from '@vzdump-format/testing';
import { type LibraryHandle, load } from 'koffi';
import { test } from 'vitest';

/** A test against a real library of the system. */
export function testWithLibrary(
  fileName: string,
  name: string,
  body: (library: LibraryHandle) => Promise<void>,
): void {
  const library = loadLibrary(fileName);
  const title = `${fileName}: ${name}`;
  if (library !== undefined || REQUIRED) test(title, () => body(library!));
  else test.skip(`${title} (skipped: ${fileName} is not installed)`, () => {});
}

function loadLibrary(fileName: string): LibraryHandle | undefined {
  try {
    return load(fileName);
  } catch {
    return undefined;
  }
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
