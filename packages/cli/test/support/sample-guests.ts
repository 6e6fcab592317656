import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool, scratch } from '@vzdump-format/testing';
import { type CliResult, runCli, runCliWell } from './running-cli.js';

const MAKE_GUESTS = fileURLToPath(new URL('../../../../examples/pve/make-guests.mjs', import.meta.url));

/**
 * The guests of examples/pve, in a directory of the test that runs: the virtual machine 100 and the container
 * 101.
 */
export interface SampleGuests {
  readonly directory: string;
  /** Below the sample's directory: `pve/lxc/101.conf`. */
  path(name: string): string;
  /** A guest's volume on the storage `local`. */
  volume(vmid: number, name: string): string;
  /** The names of a guest's volumes there, hidden ones too; none when it has no directory. */
  volumes(vmid: number): Promise<string[]>;
  /** A file of the configuration: `lxc/101.conf`; `undefined` when it is not there. */
  config(name: string): Promise<string | undefined>;
  edit(name: string, change: (text: string) => string): Promise<void>;
  /** Dumps a guest. @returns the archive's path */
  dump(vmid: number, ...options: readonly string[]): Promise<string>;
  /** Runs `restore`, which may fail. */
  restore(...args: readonly string[]): Promise<CliResult>;
  /** Its arguments. */
  readonly pveRoot: readonly ['--pve-root', string];
  /** Of dump: nothing of this host is looked at. */
  readonly dumpArgs: readonly string[];
}

/** @param parent where to make it; a directory of the test that runs, unless given */
export async function makeSampleGuests(parent?: string): Promise<SampleGuests> {
  const directory = join(parent ?? (await scratch()), 'sample');
  await runTool(process.execPath, MAKE_GUESTS, directory);
  const path = (name: string) => join(directory, name);
  const config = (name: string) => ifThere(readFile(path(`pve/${name}`), 'utf8'));
  const pveRoot = ['--pve-root', path('pve')] as const;
  const dumpArgs = [...pveRoot, '--config', '/dev/null', '--lock-file', path('lock')];
  return {
    ...{ directory, path, config, pveRoot, dumpArgs },
    volume: (vmid, name) => path(`storage/images/${vmid}/${name}`),
    volumes: async (vmid) => ((await ifThere(readdir(path(`storage/images/${vmid}`)))) ?? []).sort(),
    edit: async (name, change) => writeFile(path(`pve/${name}`), change((await config(name))!)),
    dump: async (vmid, ...options) => {
      const dumpdir = path('storage/archive');
      const before = new Set(await readdir(dumpdir));
      await runCliWell(['dump', String(vmid), ...dumpArgs, '--dumpdir', dumpdir, ...options]);
      const made = (await readdir(dumpdir)).find((name) => !before.has(name) && /\.(vma|tar)/.test(name));
      return join(dumpdir, made!);
    },
    restore: (...args) => runCli(['restore', ...args, ...pveRoot]),
  };
}

/** Bytes that a file takes on the disk. */
export async function allocatedBytes(path: string): Promise<number> {
  return (await stat(path)).blocks * 512;
}

async function ifThere<Value>(read: Promise<Value>): Promise<Value | undefined> {
  return read.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
