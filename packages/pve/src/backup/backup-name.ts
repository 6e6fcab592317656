import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { hasEscapedBytes } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';

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

/** A time as a clock on the wall and a calendar show it; months and days count from 1. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/**
 * Local time → seconds since the epoch. Of a time that the clock showed twice, the first is meant; one that
 * was left out is as much later as the clock was put forward, as with Perl's `timelocal`.
 * @returns nothing when no calendar has that day, or no clock that time
 */
export function localSeconds(time: LocalTime): number | undefined {
  const { year, month, day, hour, minute, second } = time;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(year, month - 1, day, hour, minute, second);
  if (year < 100) date.setFullYear(year, month - 1, day); // the constructor takes 24 for 1924
  return date.getTime() / 1000;
}

/** Seconds since the epoch → local time. */
export function localTimeOf(seconds: number): LocalTime {
  const date = new Date(seconds * 1000);
  return {
    year: date.getFullYear(),
    month: date.getMonth() + 1,
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
  };
}

/** The days from 1970-01-01 to a calendar day, whatever the time zone. */
export function dayNumber({ year, month, day }: Pick<LocalTime, 'year' | 'month' | 'day'>): number {
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86_400_000;
}

function daysInMonth(year: number, month: number): number {
  const first = { year, month, day: 1 };
  const next = month === 12 ? { year: year + 1, month: 1, day: 1 } : { ...first, month: month + 1 };
  return dayNumber(next) - dayNumber(first);
}

/** Numbers with as many digits as they have in names and logs. */
export function padded(number: number, digits = 2): string {
  return String(number).padStart(digits, '0');
}
