import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { hasEscapedBytes } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import { localSeconds } from './local-time.js';

/** `openvz` is what containers were before Proxmox VE 4. */
export type BackupType = 'qemu' | 'lxc' | 'openvz';

/** The ending of a compressed backup. bzip2 is read, and never written. */
export type BackupCompression = 'gz' | 'lzo' | 'zst' | 'bz2';

/** What the name of a backup says of it. */
export interface BackupName {
  readonly fileName: string;
  readonly type: BackupType;
  readonly format: 'vma' | 'tar';
  readonly compression: BackupCompression | undefined;
  /** Only in names as vzdump makes them. Backups with other names can be restored, and are never pruned. */
  readonly standard: StandardName | undefined;
}

export interface StandardName {
  /** The name without its extension, which the log shares. */
  readonly stem: string;
  readonly vmid: number;
  /**
   * When the guest's backup began, in seconds since the epoch. The name tells it in the reader's local time.
   */
  readonly ctime: number;
}

const EXTENSION = /\.(tgz|(tar|vma)(?:\.(gz|lzo|zst|bz2))?)$/;
const TYPE = /^vzdump-(qemu|lxc|openvz)-./;
const STANDARD_STEM = /^vzdump-[a-z]+-([1-9]\d{2,8})-(\d{4})_(\d{2})_(\d{2})-(\d{2})_(\d{2})_(\d{2})$/;

/**
 * Reads a name as Proxmox's `archive_info` does: `vzdump-TYPE-….EXTENSION`; case matters. The standard form
 * is `vzdump-TYPE-VMID-YYYY_MM_DD-hh_mm_ss.EXTENSION`, with a time that is possible.
 * @param path only its last part matters
 * @returns nothing when it is not the name of a backup
 */
export function parseBackupName(path: string): BackupName | undefined {
  const fileName = basename(path);
  const extension = EXTENSION.exec(fileName);
  const stem = fileName.slice(0, extension?.index);
  const type = TYPE.exec(stem);
  if (extension === null || type === null || fileName.includes('\n')) return undefined;
  const isTgz = extension[1] === 'tgz';
  return {
    fileName,
    type: type[1] as BackupType,
    format: isTgz ? 'tar' : (extension[2] as 'vma' | 'tar'),
    compression: isTgz ? 'gz' : (extension[3] as BackupCompression | undefined),
    standard: parseStandardStem(stem),
  };
}

function parseStandardStem(stem: string): StandardName | undefined {
  const [, vmid, ...stamp] = STANDARD_STEM.exec(stem) ?? [];
  const [year, month, day, hour, minute, second] = stamp.map(Number);
  if (second === undefined) return undefined;
  const ctime = localSeconds({ year: year!, month: month!, day: day!, hour: hour!, minute: minute!, second });
  return ctime === undefined ? undefined : { stem, vmid: Number(vmid), ctime };
}

/** The guest that a name tells of, renamed ones too: the first number in it that can be a guest's. */
export function guestOfName({ fileName, standard }: BackupName): number | undefined {
  const vmid = standard?.vmid ?? /-([1-9]\d{2,8})-/.exec(fileName)?.[1];
  return vmid === undefined ? undefined : Number(vmid);
}

/**
 * Refuses what does not end as backups do, so that nothing else gets siblings, or is removed.
 * @throws `BACKUP_NAME`, as for a name that is not UTF-8
 */
export function requireBackupExtension(path: string): void {
  if (EXTENSION.test(basename(path)) && !hasEscapedBytes(path)) return;
  throw new ArchiveError('BACKUP_NAME', `couldn't determine archive info from '${path}'`, {
    entry: path,
    hint: 'backups end in .vma, .tar, either with .gz, .lzo, .zst or .bz2 behind it, or .tgz',
  });
}

/**
 * Checks that a path has a backup's extension, and that a file is there.
 * @throws `BACKUP_NAME`, `NOT_A_FILE`, the system's error
 */
export async function requireBackup(archive: string): Promise<void> {
  requireBackupExtension(archive);
  if ((await stat(archive)).isFile()) return;
  throw new ArchiveError('NOT_A_FILE', `${archive} is not a regular file`, { entry: archive });
}

/** The file that holds a backup's notes. */
export function notesPath(archive: string): string {
  return `${archive}.notes`;
}

/** The file whose existence protects a backup. */
export function protectionPath(archive: string): string {
  return `${archive}.protected`;
}
