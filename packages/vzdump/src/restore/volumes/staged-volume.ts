import type { ImagePlace } from '@vzdump-format/disk';

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
