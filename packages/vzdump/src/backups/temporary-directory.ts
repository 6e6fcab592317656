import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { inDirectory } from './directory-path.js';
import type { NewBackupOptions } from './new-backup.js';

export interface TemporaryDirectoryOptions extends Pick<NewBackupOptions, 'type' | 'vmid'> {
  /** vzdump's option of that name. */
  readonly tmpdir?: string | undefined;
  /** Where the archive goes; nothing when it does not become a file. */
  readonly dumpDirectory: string | undefined;
  readonly stem: string;
  /** This process's unless given. */
  readonly pid?: number;
}

export interface TemporaryDirectory {
  readonly path: string;
  /** What the log says of the choice, when it is not the usual one. */
  readonly notice: string | undefined;
}

/** File systems that keep owners and modes, so that a container's files can be put beside the archive. */
const KEEPS_OWNERS: ReadonlySet<string> = new Set(['ext3', 'ext4', 'nfs', 'nfs4', 'reiserfs', 'xfs']);

/** Where vzdump puts what it needs while it makes a backup. Makes nothing. */
export function chooseTemporaryDirectory(options: TemporaryDirectoryOptions): TemporaryDirectory {
  const { type, vmid, tmpdir, dumpDirectory, stem, pid = process.pid } = options;
  const ownName = `vzdumptmp${pid}_${vmid}`;
  if (tmpdir !== undefined) return { path: inDirectory(tmpdir, ownName), notice: undefined };
  const elsewhere = `/var/tmp/${ownName}`;
  if (dumpDirectory === undefined) return { path: elsewhere, notice: undefined };
  const fileSystem = type === 'qemu' ? undefined : fileSystemType(dumpDirectory);
  if (fileSystem === undefined || KEEPS_OWNERS.has(fileSystem)) {
    return { path: inDirectory(dumpDirectory, `${stem}.tmp`), notice: undefined };
  }
  return {
    path: elsewhere,
    notice: `filesystem type on dumpdir is '${fileSystem}' -using ${elsewhere} for temporary files`,
  };
}

/**
 * The name of the file system that a directory is on, as `df -T` prints it: of the mount that the kernel says an open file is
 * on (proc(5): `fdinfo` and `mountinfo`).
 * @throws the system's error; Error when the kernel does not tell
 */
export function fileSystemType(directory: string): string {
  const opened = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const mount = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${opened}`, 'utf8'))?.[1];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const type = new RegExp(`^${mount} .*? - (\\S+) `, 'm').exec(mounts)?.[1];
    if (type === undefined) throw new Error(`the kernel does not tell what file system ${directory} is on`);
    return type;
  } finally {
    closeSync(opened);
  }
}
