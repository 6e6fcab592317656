import { readFile } from 'node:fs/promises';
import type { ArchiveFormat } from '@vzdump-format/archives';
import { IdMap } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import { type ArgumentSpec, inGroup, type OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';
import { environmentName } from './environment.js';

/** Options that every command takes. */
export const commonOptions: readonly OptionSpec[] = inGroup('Options of every command', [
  { flags: '--json', description: 'print results, warnings and errors as JSON' },
  {
    flags: '--verbose',
    short: '-v',
    description: 'add the code, offset and cause to errors and warnings',
    environment: environmentName('verbose'),
  },
  {
    flags: '--quiet',
    short: '-q',
    description: 'say nothing but errors and warnings',
    environment: environmentName('quiet'),
  },
  {
    flags: '--progress <mode>',
    description: 'progress: a line on a terminal (auto), JSON lines on stderr (json), or none',
    choices: ['auto', 'json', 'none'],
    environment: environmentName('progress'),
  },
]);

export interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly progress?: 'auto' | 'json' | 'none';
}

const READING = 'Reading the archive';

/** For every command that reads an archive. */
export const longWindowOption: OptionSpec = {
  flags: '--long <log>',
  description: 'accept zstd windows of up to 2^LOG bytes: 27 (128 MiB) unless given, 31 (2 GiB) at most',
  group: READING,
  environment: environmentName('long'),
  parse: (text) => wholeNumber('--long', text, 10, 31),
};

export interface LongWindowOption {
  readonly long?: number;
}

/** For every command that reads what is in an archive. */
export const archiveInputOptions: readonly OptionSpec[] = [
  {
    flags: '--payload <file>',
    description: 'the contents of a split archive (.mpxar), unless they are in the .ppxar beside it',
    group: READING,
  },
  longWindowOption,
];

export interface ArchiveInputOptions extends LongWindowOption {
  readonly payload?: string;
}

/** For every command that works with indexes of archives. */
export const indexDirectoryOption: OptionSpec = {
  flags: '--index-dir <directory>',
  description:
    "where indexes are looked for and written; unless given, beside the archives, or else in the user's cache",
  group: READING,
  environment: environmentName('index-dir'),
};

export interface IndexDirectoryOption {
  readonly indexDir?: string;
}

/** For every command that reads an archive by its index, where it has one. */
export const indexInputOptions: readonly OptionSpec[] = [
  {
    flags: '--no-index',
    description: 'read the archive from its beginning; neither make nor use an index',
    group: READING,
  },
  indexDirectoryOption,
];

export interface IndexInputOptions extends IndexDirectoryOption {
  /** False with `--no-index`. */
  readonly index?: boolean;
}

/** For every command that asks whether containers run. */
export const lxcPathOption: OptionSpec = {
  flags: '--lxc-path <directory>',
  description: "where LXC keeps its containers; LXC's own default unless given",
  environment: environmentName('lxc-path'),
};

/** For every command that works on one backup. */
export const backupArgument: ArgumentSpec = {
  name: '<archive>',
  description: 'the backup: a path, or a volume as local:backup/NAME',
  values: 'file',
};

/** For every command that looks at Proxmox VE's configuration. */
export const pveRootOption: OptionSpec = {
  flags: '--pve-root <directory>',
  description: "the directory of Proxmox VE's configuration (/etc/pve)",
  environment: environmentName('pve-root'),
};

export interface PveRootOption {
  readonly pveRoot?: string;
}

export const forceOption: OptionSpec = {
  flags: '--force',
  description: 'replace files that exist',
};

/** @throws UsageError */
export function wholeNumber(
  option: string,
  text: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  throw new UsageError(`${option} takes a whole number, ${range}, not '${text}'`);
}

/** `NAME=PATH` → both; the name ends at the first `=`. @throws UsageError */
export function nameAndPath(option: string, text: string): { name: string; path: string } {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new UsageError(`${option} takes NAME=PATH, not '${text}'`);
  return { name: text.slice(0, at), path: text.slice(at + 1) };
}

/** A whole file that an option names. @throws the system's error, with its path */
export async function readGivenFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw Object.assign(error as Error, { path }); // which the error of a directory lacks
  }
}

/** For every command that works on backups in one place. */
export const backupsArgument: ArgumentSpec = {
  name: '<directory>',
  description: 'where they are; or the id of a storage, as local',
  values: 'directory',
};

/** For every command that works on the backups of some guests. */
export const guestOptions: readonly OptionSpec[] = [
  { flags: '--type <type>', description: 'only backups of VMs, or of containers', choices: ['qemu', 'lxc'] },
  {
    flags: '--vmid <id>',
    description: 'only backups of this guest',
    parse: (text) => wholeNumber('--vmid', text, 100, 999_999_999),
  },
];

export interface GuestOptions {
  readonly type?: 'qemu' | 'lxc';
  readonly vmid?: number;
}

/**
 * Which of a command's options are for one kind of archive alone: a VM is made of drives, a container of a
 * directory tree.
 */
export type OptionsByKind = Readonly<Record<ArchiveFormat['kind'], readonly string[]>>;

const HOLDS: Readonly<Record<ArchiveFormat['kind'], string>> = {
  disks: 'the drives of a VM',
  tree: 'a directory tree',
};

/** @throws UsageError when an option was given that has no meaning for an archive of this format */
export function requireFitting({ kind, name }: ArchiveFormat, options: object, only: OptionsByKind): void {
  const others = only[kind === 'disks' ? 'tree' : 'disks'];
  const given: Readonly<Record<string, unknown>> = { ...options };
  const found = others.find((option) => given[option] !== undefined);
  if (found === undefined) return;
  const flag = found.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${flag} does not go with ${name}, which holds ${HOLDS[kind]}`);
}

/** Headings of the options that are for one kind of archive alone. */
export const OF_A_VM = 'Of the drives of a VM';
export const OF_A_TREE = 'Of a directory tree';

/** For every command that packs or restores a directory tree. */
export const treeOptions: readonly OptionSpec[] = inGroup(OF_A_TREE, [
  {
    flags: '--exclude-path <pattern>',
    description:
      'leave out what matches, by the rules of the format. tar, as vzdump: from the root on with a slash in front, else anywhere; * matches slashes. pxar, as pxar create and git: * matches no slash, ** does, ! takes back, the last that matches counts, and .pxarexclude files add to it',
    repeatable: true,
  },
  {
    flags: '--idmap <u:GUEST:HOST:COUNT>',
    description:
      'ids of an unprivileged container: u for users, g for groups, b for both (b:0:100000:65536 is the usual one); lost+found is not packed then, as by vzdump',
    repeatable: true,
  },
]);

export interface TreeOptions {
  readonly excludePath?: readonly string[];
  readonly idmap?: readonly string[];
}

/** @throws UsageError */
export function idMapOf({ idmap }: TreeOptions): IdMap | undefined {
  if (idmap === undefined) return undefined;
  try {
    return IdMap.parse(idmap);
  } catch (error) {
    if (error instanceof ArchiveError) throw new UsageError(`--idmap: ${error.message}`, error.hint);
    throw error;
  }
}
