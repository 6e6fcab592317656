import type { ImagePlace } from '@vzdump-format/disk';
import { type Command, printableName, runTool } from '@vzdump-format/posix';
import type { SupportedStorage } from '@vzdump-format/pve';
import { ArchiveError, failedCall, type OnWarning } from '@vzdump-format/streams';

/** A volume to make. */
export interface VolumeRequest {
  readonly vmid: number;
  /** Its id, `local:300/vm-300-disk-0.raw`. */
  readonly volume: string;
  /** Bytes, whole KiB. For a directory, the most that may be in it; 0 is no limit. */
  readonly size: number;
  /** Told of what fails once the volume has its name. */
  readonly onWarning?: OnWarning | undefined;
}

/** Makes and removes the volumes of a storage. */
export interface VolumeStore {
  /** The ids of the volumes that a guest has there. */
  list(vmid: number): Promise<readonly string[]>;
  /** Makes a volume for a disk's content. */
  makeImage(request: VolumeRequest): Promise<StagedVolume>;
  /** Makes a volume for a container's files. */
  makeDirectory(request: VolumeRequest): Promise<StagedVolume>;
  /** Removes a volume for good. */
  remove(volume: string): Promise<void>;
}

/** Where the content of a volume that is being made goes. */
export type VolumePlace =
  | ImagePlace
  /** A directory that is empty so far. */
  | { readonly kind: 'directory'; readonly path: string };

/** A volume that a restore makes. Until `commit`, no guest and no listing knows it. */
export interface StagedVolume {
  /** What a configuration calls it: `local:300/vm-300-disk-0.raw`, or an absolute path. */
  readonly volume: string;
  /** Where it is in the end. */
  readonly path: string;
  readonly place: VolumePlace;
  /**
   * Its content is there: makes that durable, and gives it its name. @throws `FILE_EXISTS` when the name is
   * taken
   */
  commit(): Promise<void>;
  /** Takes it away, whether it was committed or not. */
  remove(): Promise<void>;
  /** It is a guest's now, and stays: lets go of what it has replaced. */
  release?(): Promise<void>;
}

/** Runs one of the system's programs, for as long as it takes. @returns what it wrote to standard output */
export type Run = (...command: Command) => Promise<string>;

export const run: Run = (...command) => runTool(command, { timeout: Number.POSITIVE_INFINITY });

/**
 * Turns the bare error of a system call (`ENOSPC: no space left on device, write`) into one that names the
 * path.
 */
export function failedWrite(error: unknown, path: string): unknown {
  return failedCall(error, 'TARGET_WRITE', `${printableName(path)} cannot be written`, path);
}

/** Makes sure that a storage takes such content, `images` or `rootdir`. @throws `STORAGE_CONTENT` */
export function requireContent(storage: SupportedStorage, content: string): void {
  if (storage.content.has(content)) return;
  throw new ArchiveError(
    'STORAGE_CONTENT',
    `storage '${storage.id}' does not support content-type '${content}'`,
    { hint: `choose another with --storage, or add '${content}' to its content in storage.cfg` },
  );
}
