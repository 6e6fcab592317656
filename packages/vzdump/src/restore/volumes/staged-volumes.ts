import { printableName } from '@vzdump-format/posix';
import { newVolumeId, nextDiskNumber, type SupportedStorage, type VolumeFormat } from '@vzdump-format/pve';
import type { OnWarning } from '@vzdump-format/streams';
import type { RestoreEvent } from '../restore-options.js';
import { DirectoryVolumes } from './directory-volumes.js';
import { LvmVolumes, ZfsVolumes } from './lvm-and-zfs-volumes.js';
import { run, type StagedVolume, type VolumeStore } from './volume-store.js';

/** The volumes that a restore makes: all of them in the end, or none. */
export class StagedVolumes {
  private readonly volumes: StagedVolume[] = [];

  constructor(
    private readonly tell: (event: RestoreEvent) => void,
    private readonly onWarning: OnWarning | undefined,
  ) {}

  /** @param size in bytes, for the event */
  add<Volume extends StagedVolume>(volume: Volume, size: number): Volume {
    this.volumes.push(volume);
    this.tell({ type: 'volume', volume: volume.volume, path: volume.path, size });
    return volume;
  }

  async commit(): Promise<void> {
    for (const volume of this.volumes) await volume.commit();
  }

  /** The volumes belong to a guest now, and are not taken away. */
  async release(): Promise<void> {
    for (const volume of this.volumes.splice(0)) await volume.release?.();
  }

  /** Takes them away, the last one first, with an event for each. A failure is a warning. */
  async discard(): Promise<void> {
    for (const staged of this.volumes.splice(0).reverse()) {
      const { volume } = staged;
      try {
        await staged.remove();
        this.tell({ type: 'discarded', volume });
      } catch (error) {
        const message = `${printableName(volume)} could not be removed: ${(error as Error).message}`;
        this.onWarning?.({ code: 'RESTORE_LEFTOVER', message, entry: volume });
      }
    }
  }
}

/** Chooses the names of a guest's new volumes: none that is taken, and none twice. */
export class VolumeAllocator {
  private readonly stores = new Map<string, VolumeStore>();
  private readonly foundByStorage = new Map<string, readonly string[]>();
  private readonly given: string[] = [];

  constructor(private readonly vmid: number) {}

  /** `local:300/vm-300-disk-0.raw` */
  async disk(storage: SupportedStorage, format: VolumeFormat): Promise<string> {
    const names = [...(await this.found(storage)), ...this.given].map(nameOf);
    const name = `disk-${nextDiskNumber(this.vmid, names)}`;
    const volume = newVolumeId(storage, { vmid: this.vmid, name, format });
    this.given.push(volume);
    return volume;
  }

  /** The ids of the guest's volumes that were on the storage when it was first asked for. */
  async found(storage: SupportedStorage): Promise<readonly string[]> {
    const found = this.foundByStorage.get(storage.id) ?? (await this.store(storage).list(this.vmid));
    this.foundByStorage.set(storage.id, found);
    return found;
  }

  store(storage: SupportedStorage): VolumeStore {
    const store = this.stores.get(storage.id) ?? volumeStore(storage);
    this.stores.set(storage.id, store);
    return store;
  }
}

/** `local:300/vm-300-disk-0.raw` → `vm-300-disk-0.raw` */
function nameOf(volume: string): string {
  return volume.slice(Math.max(volume.lastIndexOf('/'), volume.indexOf(':')) + 1);
}

/** Where volumes on a storage are made, by its kind. */
function volumeStore(storage: SupportedStorage): VolumeStore {
  switch (storage.kind) {
    case 'directory':
      return new DirectoryVolumes(storage);
    case 'lvm':
      return new LvmVolumes(storage, run);
    case 'zfs':
      return new ZfsVolumes(storage, run);
  }
}
