import { mountOf } from '@vzdump-format/posix';
import type { NewBackupOptions } from './backup-store.js';
import { inDirectory } from './directory/backup-names.js';

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
  const fileSystem = type === 'qemu' ? undefined : mountOf(dumpDirectory).type;
  if (fileSystem === undefined || KEEPS_OWNERS.has(fileSystem)) {
    return { path: inDirectory(dumpDirectory, `${stem}.tmp`), notice: undefined };
  }
  return {
    path: elsewhere,
    notice: `filesystem type on dumpdir is '${fileSystem}' -using ${elsewhere} for temporary files`,
  };
}
