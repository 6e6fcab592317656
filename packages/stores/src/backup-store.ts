import type { WriteOutputOptions } from '@vzdump-format/archives';
import type { BackupCompression, BackupName, BackupType } from '@vzdump-format/pve';
import type { ByteSource, OnWarning } from '@vzdump-format/streams';

/**
 * Where backups stand. A backup is known by its id, which the store gives it and nobody else reads: a file's
 * name, a snapshot's path. It consists of named streams: one archive, or disks, trees and configurations.
 *
 * What the calls throw beside what they name is the system's error.
 */
export interface BackupStore {
  /** As messages name it. */
  readonly location: string;

  /**
   * The finished backups, by guest, each guest's from the oldest to the newest. What is unfinished or no
   * backup is passed over; one that cannot be looked at is a warning (`BACKUP_UNREADABLE`).
   */
  list(options: ListBackupsOptions): Promise<Backup[]>;

  /** Opens a backup for reading. What else the store holds may be opened, too, as far as it is one stream. */
  open(id: string): Promise<StoredBackup>;

  /**
   * Begins a backup: nothing of it is listed before it is committed. Two of one guest never share a second:
   * where that of `start` is taken, this waits for the next one.
   */
  begin(options: NewBackupOptions): Promise<BackupWriter>;

  /**
   * Removes a backup with all that belongs to it, as far as it is there. What belongs to it and cannot be
   * removed, though the backup itself is gone, is a warning (`BACKUP_LEFTOVER`).
   * @throws `BACKUP_PROTECTED`, `BACKUP_NAME`
   */
  remove(id: string, onWarning: OnWarning): Promise<void>;

  /**
   * Removes what belongs to backups that are gone, since others remove those alone: indexes. What cannot be
   * is a warning (`BACKUP_LEFTOVER`).
   */
  removeOrphans(onWarning: OnWarning): Promise<void>;

  /**
   * The notes of a backup, as they are stored; no bytes when there are none.
   * @throws `BACKUP_NAME`, `NOT_A_FILE`, `NOTES_SIZE`; an error when there is no such backup
   */
  readNotes(id: string): Promise<Buffer>;

  /**
   * Replaces the notes of a backup, as a whole and at once. An empty text removes them.
   * @throws as `readNotes`
   */
  setNotes(id: string, text: string, onWarning?: OnWarning): Promise<void>;

  /**
   * Whether a backup is protected: neither pruned nor removed.
   * @throws `BACKUP_NAME`, `NOT_A_FILE`; an error when there is no such backup, or it cannot be told
   */
  isProtected(id: string): Promise<boolean>;

  /** Protects a backup, or takes the protection away; may be called twice. @throws as `isProtected` */
  setProtected(id: string, protect: boolean): Promise<void>;

  /** Whose backup it is, as far as its id tells. */
  guestOf(id: string): BackupGuest | undefined;
}

export interface BackupGuest {
  readonly type: BackupType;
  readonly vmid: number;
}

/** A finished backup. */
export interface Backup {
  readonly id: string;
  /** As messages name it; of one that is a file, its path. */
  readonly path: string;
  readonly name: BackupName;
  /** Nothing when the name does not tell. */
  readonly vmid: number | undefined;
  /** In bytes. */
  readonly size: number;
  /** In seconds since the epoch: when the backup began, or, where that is not known, was last written. */
  readonly ctime: number;
  /** Their first line. */
  readonly notes: string | undefined;
  readonly isProtected: boolean;
}

/** Which guests' backups; those of all unless given. */
export interface BackupFilter {
  readonly type?: BackupType | undefined;
  readonly vmid?: number | undefined;
}

export interface ListBackupsOptions extends BackupFilter {
  /** Called for what could not be read, and is therefore not listed. */
  readonly onWarning: OnWarning;
  readonly signal?: AbortSignal | undefined;
}

/** A backup that is read. */
export interface StoredBackup {
  /** As messages name it; of one that is a file, its path. */
  readonly path: string;
  /** The names of what it consists of. */
  readonly streams: readonly string[];
  /** One of them, for its caller to close. @throws RangeError for any other */
  source(stream: string): Promise<ByteSource>;
}

export interface NewBackupOptions {
  readonly type: 'qemu' | 'lxc';
  readonly vmid: number;
  /** When the backup of this guest begins; now unless given. */
  readonly start?: Date | undefined;
  /** How its archive is compressed, where that is part of its name. Not at all unless given. */
  readonly compression?: BackupCompression | undefined;
  /** Told of what fails once the backup is finished. */
  readonly onWarning?: OnWarning | undefined;
  /** Ends the wait for a second of its own. */
  readonly signal?: AbortSignal | undefined;
}

/** A backup that is being made. It is listed from `commit` on; after `abort` there is nothing of it. */
export interface BackupWriter {
  readonly id: string;
  /** `vzdump-TYPE-VMID-YYYY_MM_DD-hh_mm_ss`, in local time: after which temporary files are named. */
  readonly stem: string;
  /** As messages and hook scripts name it; of one that becomes a file, its path. */
  readonly path: string;
  /** The same of its log. */
  readonly logPath: string;
  /** A file that is there until it is finished, and that a process that is killed leaves behind. */
  readonly unfinishedPath: string;
  /** The streams that the store can take, each once. */
  readonly streams: readonly string[];

  /**
   * Writes one of the streams. @returns its size in bytes
   * @throws what the bytes' source throws; then the backup is to be aborted. RangeError for a stream that
   * the store does not take
   */
  write(stream: string, bytes: AsyncIterable<Uint8Array>, options?: BackupWriteOptions): Promise<number>;

  /** Makes it durable and lists it. @throws `FILE_EXISTS` when another came first */
  commit(): Promise<void>;

  /** Lets go of what was written. Does nothing after `commit`. */
  abort(): Promise<void>;

  /** Puts a copy of a log beside the backup, also of one that was aborted. @param file its path */
  keepLog(file: string): Promise<void>;
}

/** `onPartial` gets the path of the file that is written to, so that no archive takes itself in. */
export type BackupWriteOptions = Pick<WriteOutputOptions, 'onPartial' | 'writeAt'>;
