import type { OnWarning } from '@vzdump-format/streams';
import type { StagedVolume } from './staged-volume.js';

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
