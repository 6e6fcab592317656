import type {
  DeviceNumber,
  DirectoryEntry,
  FileStatus,
  OpenDirectory,
  TimeToSet,
} from '@vzdump-format/posix';

/**
 * A directory as on a file system that does not tell upper case from lower, nor one form of a letter from
 * another: a name reaches what is there under any name that folds to the same. For systems whose kernel has
 * no such file system.
 */
export class FoldingDirectory implements OpenDirectory {
  constructor(private readonly real: OpenDirectory) {}

  get path(): string {
    return this.real.path;
  }
  get fd(): number | undefined {
    return this.real.fd;
  }
  list(): DirectoryEntry[] {
    return this.real.list();
  }
  status(name: string): FileStatus {
    return this.real.status(this.find(name));
  }
  openDirectory(name: string): OpenDirectory {
    return new FoldingDirectory(this.real.openDirectory(this.find(name)));
  }
  openFile(name: string): number {
    return this.real.openFile(this.find(name));
  }
  createFile(name: string, mode: number): number {
    return this.real.createFile(this.find(name), mode);
  }
  makeDirectory(name: string, mode: number): void {
    this.real.makeDirectory(this.find(name), mode);
  }
  makeSymlink(target: string, name: string): void {
    this.real.makeSymlink(target, this.find(name));
  }
  makeNode(
    name: string,
    type: 'block' | 'char' | 'fifo' | 'socket',
    mode: number,
    device?: DeviceNumber,
  ): void {
    this.real.makeNode(this.find(name), type, mode, device);
  }
  makeLink(name: string, from: FoldingDirectory, fromName: string): void {
    this.real.makeLink(this.find(name), from.real, from.find(fromName));
  }
  readLink(name: string): string {
    return this.real.readLink(this.find(name));
  }
  remove(name: string): void {
    this.real.remove(this.find(name));
  }
  removeDirectory(name: string): void {
    this.real.removeDirectory(this.find(name));
  }
  rename(name: string, to: FoldingDirectory, toName: string): void {
    this.real.rename(this.find(name), to.real, to.find(toName));
  }
  setOwner(name: string, uid: number, gid: number): void {
    this.real.setOwner(this.find(name), uid, gid);
  }
  setMode(name: string, mode: number): void {
    this.real.setMode(this.find(name), mode);
  }
  setTimes(name: string, accessed: TimeToSet, modified: TimeToSet): void {
    this.real.setTimes(this.find(name), accessed, modified);
  }
  listXattrs(name: string): string[] {
    return this.real.listXattrs(this.find(name));
  }
  getXattr(name: string, attribute: string): Buffer | undefined {
    return this.real.getXattr(this.find(name), attribute);
  }
  setXattr(name: string, attribute: string, value: Uint8Array): void {
    this.real.setXattr(this.find(name), attribute, value);
  }
  removeXattr(name: string, attribute: string): void {
    this.real.removeXattr(this.find(name), attribute);
  }
  close(): void {
    this.real.close();
  }

  private find(name: string): string {
    return this.real.list().find((entry) => fold(entry.name) === fold(name))?.name ?? name;
  }
}

/** By way of upper case, which has no ß. */
function fold(name: string): string {
  return name.normalize('NFD').toUpperCase().toLowerCase();
}
