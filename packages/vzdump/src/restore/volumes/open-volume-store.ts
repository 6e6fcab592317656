import type { SupportedStorage } from '@vzdump-format/pve';
import { type Run, run as runProgram } from '../run.js';
import { DirectoryStore } from './directory-store.js';
import { LvmStore } from './lvm-store.js';
import type { VolumeStore } from './volume-store.js';
import { ZfsStore } from './zfs-store.js';

/** @param run how the programs of LVM and ZFS are run */
export function volumeStore(storage: SupportedStorage, run: Run = runProgram): VolumeStore {
  switch (storage.kind) {
    case 'directory':
      return new DirectoryStore(storage);
    case 'lvm':
      return new LvmStore(storage, run);
    case 'zfs':
      return new ZfsStore(storage, run);
  }
}
