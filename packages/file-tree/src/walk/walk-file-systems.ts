import { type FileStatus, fileSystem, type OpenDirectory, printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';

export interface FileSystemBoundsOptions {
  readonly allFileSystems: boolean;
  /** Devices whose content belongs to every source. */
  readonly included: ReadonlySet<number>;
  readonly skipVirtual: boolean;
}

/** Which file systems a walk enters. */
export class FileSystemBounds {
  private readonly virtual = new Map<number, boolean>();
  private source = -1;

  constructor(private readonly options: FileSystemBoundsOptions) {}

  /** @throws `TREE_VIRTUAL` */
  startAt(directory: OpenDirectory, { deviceId }: FileStatus): void {
    this.source = deviceId;
    if (!this.options.skipVirtual || !this.isVirtual(directory, deviceId)) return;
    throw new ArchiveError('TREE_VIRTUAL', `${printableName(directory.path)} is on a virtual file system`, {
      entry: directory.path,
      hint: 'there is nothing in it to keep',
    });
  }

  /** Whether what is in a directory belongs to the source. */
  enters(directory: OpenDirectory, { deviceId }: FileStatus): boolean {
    const { allFileSystems, included, skipVirtual } = this.options;
    if (deviceId === this.source) return true;
    if (!allFileSystems && !included.has(deviceId)) return false;
    return !skipVirtual || !this.isVirtual(directory, deviceId);
  }

  private isVirtual(directory: OpenDirectory, device: number): boolean {
    let virtual = this.virtual.get(device);
    if (virtual === undefined) {
      ({ virtual } = fileSystem(directory.fd ?? directory.path));
      this.virtual.set(device, virtual);
    }
    return virtual;
  }
}
