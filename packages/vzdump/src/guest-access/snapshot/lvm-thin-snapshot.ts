import { basename } from 'node:path';
import { runTool } from '@vzdump-format/posix';
import type { ContainerVolume } from '../container/container-volumes.js';
import { SNAPSHOT_NAME, type StorageSnapshot } from './storage-snapshot.js';

/**
 * Of a thin logical volume, `snap_NAME_vzdump` in the same group. The kernel freezes the file system for it.
 */
export async function lvmThinSnapshot({ volume }: ContainerVolume): Promise<StorageSnapshot | undefined> {
  const { storage, format } = volume;
  if (storage?.kind !== 'lvm' || storage.thinPool === undefined || format !== 'raw') return undefined;
  const { volumeGroup } = storage;
  const origin = basename(volume.path);
  const name = `snap_${origin}_${SNAPSHOT_NAME}`;
  const qualified = `${volumeGroup}/${name}`;
  return {
    content: { kind: 'device', path: `/dev/${qualified}`, logicalVolume: qualified },
    exists: async () => {
      const names = await runTool(['lvs', '--noheadings', '--options', 'lv_name', volumeGroup]);
      return names.split('\n').some((line) => line.trim() === name);
    },
    create: async () => {
      const skip = ['--setactivationskip', 'n']; // or it would not be active
      const how = ['--snapshot', '--permission', 'r', ...skip, '--name', name];
      await runTool(['lvcreate', ...how, `${volumeGroup}/${origin}`]);
    },
    remove: async () => {
      await runTool(['lvremove', '--yes', qualified]);
    },
  };
}
