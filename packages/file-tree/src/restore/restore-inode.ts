import {
  type FileStatus,
  fileStatus,
  getXattr,
  type OpenDirectory,
  removeXattr,
  setMode,
  setOwner,
  setTimes,
  setXattr,
} from '@vzdump-format/posix';

/** A file of whatever type, to be given its metadata. Errors are the system's. */
export interface Inode {
  /** Files and directories are open. Others are reached by name: to open a device is to act on it. */
  readonly fd: number | undefined;
  status(): FileStatus;
  setOwner(uid: number, gid: number): void;
  setMode(mode: number): void;
  /** In nanoseconds since the epoch. */
  setModified(time: bigint): void;
  getXattr(name: string): Uint8Array | undefined;
  setXattr(name: string, value: Uint8Array): void;
  removeXattr(name: string): void;
}

export class OpenInode implements Inode {
  constructor(readonly fd: number) {}

  status(): FileStatus {
    return fileStatus(this.fd);
  }
  setOwner(uid: number, gid: number): void {
    setOwner(this.fd, uid, gid);
  }
  setMode(mode: number): void {
    setMode(this.fd, mode);
  }
  setModified(time: bigint): void {
    setTimes(this.fd, 'omit', time);
  }
  getXattr(name: string): Uint8Array | undefined {
    return getXattr(this.fd, name);
  }
  setXattr(name: string, value: Uint8Array): void {
    setXattr(this.fd, name, value);
  }
  removeXattr(name: string): void {
    removeXattr(this.fd, name);
  }
}

/** What has a name in a directory. It is never followed as a link, so a symlink's metadata are its own. */
export class NamedInode implements Inode {
  readonly fd = undefined;

  constructor(
    private readonly directory: OpenDirectory,
    private readonly name: string,
  ) {}

  status(): FileStatus {
    return this.directory.status(this.name);
  }
  setOwner(uid: number, gid: number): void {
    this.directory.setOwner(this.name, uid, gid);
  }
  setMode(mode: number): void {
    this.directory.setMode(this.name, mode);
  }
  setModified(time: bigint): void {
    this.directory.setTimes(this.name, 'omit', time);
  }
  getXattr(name: string): Uint8Array | undefined {
    return this.directory.getXattr(this.name, name);
  }
  setXattr(name: string, value: Uint8Array): void {
    this.directory.setXattr(this.name, name, value);
  }
  removeXattr(name: string): void {
    this.directory.removeXattr(this.name, name);
  }
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}
