import { chown } from 'node:fs/promises';
import type { IdMap } from '@vzdump-format/file-tree';
import { failedWrite } from '../failed-write.js';
import type { RestoreJob } from '../restore-job.js';
import { stageChosenDirectory } from '../volumes/chosen-places.js';
import type { StagedVolume } from '../volumes/volume-store.js';
import { makeFileSystem, type OpenFileSystem, openFileSystem } from './file-system.js';
import type { MountPlan } from './plan-mount-points.js';

/** A container's volume that takes files. */
export interface OpenVolume {
  readonly plan: MountPlan;
  /** The directory that they go to. */
  readonly directory: string;
}

/** The volumes of a container while files are put there. */
export class ContainerVolumes {
  readonly volumes: OpenVolume[] = [];
  private readonly fileSystems: OpenFileSystem[] = [];

  constructor(
    private readonly job: RestoreJob,
    private readonly idMap: IdMap | undefined,
  ) {}

  /** Makes a volume, with a file system where it is a disk. */
  async open(plan: MountPlan): Promise<void> {
    const volume = this.job.staged.add(await this.stage(plan), plan.size);
    this.volumes.push({ plan, directory: await this.directoryOf(volume, plan.size) });
  }

  /** All files are there. */
  async finish(): Promise<void> {
    for (const fileSystem of this.fileSystems) await fileSystem.sync();
    await this.close();
  }

  async close(): Promise<void> {
    for (const fileSystem of this.fileSystems.splice(0)) await fileSystem.close();
  }

  private async directoryOf({ place }: StagedVolume, size: number): Promise<string> {
    const owner = this.rootOwner();
    if (place.kind === 'directory') {
      if (this.canGiveAway()) await chown(place.path, owner.uid, owner.gid);
      return place.path;
    }
    if (place.kind === 'file') {
      await place.handle.truncate(size).catch((error) => {
        throw failedWrite(error, place.path);
      });
    }
    await makeFileSystem(place, owner, this.job.options.signal);
    const fileSystem = await openFileSystem(place);
    this.fileSystems.push(fileSystem);
    return fileSystem.path;
  }

  private stage({ made, volume, size }: MountPlan): Promise<StagedVolume> {
    const { allocator, options } = this.job;
    const { vmid, onWarning } = options;
    if (made === undefined) return stageChosenDirectory(volume, onWarning);
    const store = allocator.store(made.storage);
    const request = { vmid, volume, size, onWarning };
    return made.format === 'subvol' ? store.makeDirectory(request) : store.makeImage(request);
  }

  /** The container's root, as the host has it. */
  private rootOwner(): { uid: number; gid: number } {
    const { idMap } = this;
    return { uid: idMap?.toHost('user', 0) ?? 0, gid: idMap?.toHost('group', 0) ?? 0 };
  }

  private canGiveAway(): boolean {
    return process.geteuid?.() === 0;
  }
}
