import { newVolumeId, nextDiskNumber, type SupportedStorage, type VolumeFormat } from '@vzdump-format/pve';
import { volumeStore } from './volumes/open-volume-store.js';
import type { VolumeStore } from './volumes/volume-store.js';

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
