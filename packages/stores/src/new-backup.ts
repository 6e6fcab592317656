import type { BackupCompression } from '@vzdump-format/pve';
import { localTimeOf, notesPath, padded, protectionPath } from '@vzdump-format/pve';
import { inDirectory } from './directory-path.js';

export interface NewBackupOptions {
  readonly type: 'qemu' | 'lxc';
  readonly vmid: number;
  /** When the backup of this guest begins. */
  readonly start: Date;
  /** Uncompressed unless given. */
  readonly compression?: BackupCompression | undefined;
}

/** The paths that belong to a backup which is being made. */
export interface NewBackup {
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
export function newBackup(directory: string, options: NewBackupOptions): NewBackup {
  const { type, vmid, start, compression } = options;
  const stem = `vzdump-${type}-${vmid}-${timeStamp(start)}`;
  const uncompressed = `${stem}.${type === 'qemu' ? 'vma' : 'tar'}`;
  const archive = inDirectory(
    directory,
    compression === undefined ? uncompressed : `${uncompressed}.${compression}`,
  );
  return {
    stem,
    archive,
    unfinished: inDirectory(directory, `${compression === undefined ? stem : uncompressed}.dat`),
    log: inDirectory(directory, `${stem}.log`),
    notes: notesPath(archive),
    protection: protectionPath(archive),
  };
}

/** `2026_11_20-02_00_00` */
function timeStamp(date: Date): string {
  const { year, month, day, hour, minute, second } = localTimeOf(Math.floor(date.getTime() / 1000));
  return `${[padded(year, 4), padded(month), padded(day)].join('_')}-${[hour, minute, second].map((part) => padded(part)).join('_')}`;
}
