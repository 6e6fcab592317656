import { basename } from 'node:path';
import { runTool } from '@vzdump-format/posix';
import type { ContainerVolume } from '../container/container-volumes.js';
import { SNAPSHOT_NAME, type StorageSnapshot } from './storage-snapshot.js';

/** Of a dataset, `POOL/NAME@vzdump`. Containers have no zvols on ZFS. */
export async function zfsSnapshot({ volume }: ContainerVolume): Promise<StorageSnapshot | undefined> {
  const { storage, format } = volume;
  if (storage?.kind !== 'zfs' || format !== 'subvol') return undefined;
  const dataset = `${storage.pool}/${basename(volume.path)}`;
  const name = `${dataset}@${SNAPSHOT_NAME}`;
  return {
    content: { kind: 'dataset', name },
    exists: async () => {
      const list = ['list', '-H', '-o', 'name', '-t', 'snapshot', '-d', '1', dataset];
      return (await runTool(['zfs', ...list])).split('\n').includes(name);
    },
    create: async () => {
      await runTool(['zfs', 'snapshot', name]);
    },
    remove: async () => {
      await runTool(['zfs', 'destroy', name]);
    },
  };
}
