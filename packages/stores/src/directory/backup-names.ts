import { mountOf } from '@vzdump-format/posix';
import { localTimeOf, notesPath, padded, protectionPath } from '@vzdump-format/pve';
import type { NewBackupOptions } from '../backup-store.js';

interface NamedBackup extends Pick<NewBackupOptions, 'type' | 'vmid' | 'compression'> {
  readonly start: Date;
}

/** The paths that belong to a backup which is being made. */
export interface BackupNames {
  readonly fileName: string;
  /** `vzdump-TYPE-VMID-YYYY_MM_DD-hh_mm_ss` */
  readonly stem: string;
  readonly archive: string;
  /** What the archive is called until it is whole: no listing takes it for a backup. */
  readonly unfinished: string;
  readonly log: string;
  readonly notes: string;
  readonly protection: string;
}

/** How vzdump names the backup of a guest and what belongs to it. Times in names are local. */
export function backupNames(directory: string, backup: NamedBackup): BackupNames {
  const { type, compression } = backup;
  const stem = backupStem(backup);
  const uncompressed = `${stem}.${type === 'qemu' ? 'vma' : 'tar'}`;
  const fileName = compression === undefined ? uncompressed : `${uncompressed}.${compression}`;
  const archive = inDirectory(directory, fileName);
  return {
    ...{ fileName, stem },
    archive,
    unfinished: inDirectory(directory, `${compression === undefined ? stem : uncompressed}.dat`),
    log: inDirectory(directory, `${stem}.log`),
    notes: notesPath(archive),
    protection: protectionPath(archive),
  };
}

/** What the names of a guest's backup begin with: `vzdump-lxc-101-2026_11_20-02_00_00`. */
export function backupStem({ type, vmid, start }: Omit<NamedBackup, 'compression'>): string {
  return `vzdump-${type}-${vmid}-${timeStamp(start)}`;
}

/** `2026_11_20-02_00_00` */
function timeStamp(date: Date): string {
  const { year, month, day, hour, minute, second } = localTimeOf(Math.floor(date.getTime() / 1000));
  return `${[padded(year, 4), padded(month), padded(day)].join('_')}-${[hour, minute, second].map((part) => padded(part)).join('_')}`;
}

/**
 * A name in a directory. Nothing is normalised, as `join` does: behind a symbolic link, `..` is not what it
 * seems. Slashes at the directory's end are dropped.
 */
export function inDirectory(directory: string, name: string): string {
  return `${directory.replace(/\/+$/, '')}/${name}`;
}

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
