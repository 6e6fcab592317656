import type { SupportedStorage } from '@vzdump-format/pve';
import { type Run, run as runProgram } from '../run.js';
import { DirectoryVolumes } from './directory-volumes.js';
import { LvmVolumes } from './lvm-volumes.js';
import type { VolumeStore } from './volume-store.js';
import { ZfsVolumes } from './zfs-volumes.js';

/** @param run how the programs of LVM and ZFS are run */
export function volumeStore(storage: SupportedStorage, run: Run = runProgram): VolumeStore {
  switch (storage.kind) {
    case 'directory':
      return new DirectoryVolumes(storage);
    case 'lvm':
      return new LvmVolumes(storage, run);
    case 'zfs':
      return new ZfsVolumes(storage, run);
  }
}
