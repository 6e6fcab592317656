import { readdirSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import {
  type CliOptions,
  type CliResult,
  linesOf,
  type RunningCli,
  runCli,
  startCli,
} from './running-cli.js';
import { makeSampleGuests } from './sample-guests.js';

/** The sample's guests, for what is read and written around a dump. */
export interface DumpSample {
  /** Below the sample's directory: `pve/lxc/101.conf`. */
  path(name: string): string;
  read(name: string): Promise<string>;
  write(name: string, text: string, mode?: number): Promise<void>;
  /** Runs `dump`; nothing of this host is looked at. */
  dump(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Runs `restore`. */
  restore(args: readonly string[]): Promise<CliResult>;
  start(args: readonly string[], options?: Parameters<typeof startCli>[1]): RunningCli;
  /** The names in a directory, sorted; `storage/dump` unless given. */
  names(directory?: string): string[];
  /** The one archive whose name ends like this. */
  archive(ending: string, directory?: string): string;
}

/** @param parent see `makeSampleGuests` */
export async function dumpSample(parent?: string): Promise<DumpSample> {
  const { path, dumpArgs, restore } = await makeSampleGuests(parent);
  const command = (args: readonly string[]) => ['dump', ...dumpArgs, ...args];
  const names = (name = 'storage/dump') => readdirSync(path(name)).sort();
  return {
    path,
    names,
    read: (name) => readFile(path(name), 'utf8'),
    async write(name, text, mode = 0o644) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), text);
      await chmod(path(name), mode);
    },
    dump: (args, options) => runCli(command(args), options),
    restore: (args) => restore(...args),
    start: (args, options) => startCli(command(args), options),
    archive(ending, name = 'storage/dump') {
      const found = names(name).filter((each) => each.endsWith(ending));
      expect(found).toHaveLength(1);
      return path(join(name, found[0]!));
    },
  };
}

/** How far a slow machine is, now and then. */
const ON_THE_WAY = /^INFO: +(?:\d?\d% \(|\d[\d.]* \w+ in )/;

/** The lines of a log without what is different each time. */
export function timelessLog(text: string, { path }: DumpSample): string[] {
  const lines = linesOf(text.replaceAll(path('.'), '/sample')).filter((line) => !ON_THE_WAY.test(line));
  return lines.map((line) =>
    line
      .replace(/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/g, 'STAMP')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME')
      .replace(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, 'UUID')
      .replace(/\(\d\d:\d\d:\d\d\)/, '(HH:MM:SS)')
      .replace(/in (?:<1|\d+) seconds(?: \([^)]*\))?/, 'in N seconds')
      .replace(/in \d+s, read: .*/, 'in Ns, read: R, write: W')
      .replace(/^(INFO: Total bytes written: \d+) \(.*/, '$1'),
  );
}

/** Names in which each time is `STAMP`. */
export function timelessNames(names: readonly string[]): string[] {
  return names.map((name) => name.replace(/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/, 'STAMP')).sort();
}
