import { readdirSync } from 'node:fs';
import { mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory for the test that runs, gone when it is over. */
export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vzdump-format-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The files below a directory that this process has open. */
export async function openFilesIn(directory: string): Promise<string[]> {
  const links = readdirSync('/proc/self/fd').map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return (await Promise.all(links)).filter((path) => path.startsWith(directory));
}
