import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentDirectory, type DirectoryStorage, resolveVolume } from '@vzdump-format/pve';
import { isNotFound } from '@vzdump-format/streams';
import { run } from '../run.js';
import { type DirectoryKind, plainDirectory, StagedDirectory } from './staged-directory.js';
import { StagedFile } from './staged-file.js';
import { StagedSubvolumeImage } from './staged-subvolume-image.js';
import type { StagedVolume, VolumeRequest, VolumeStore } from './volume-store.js';

/**
 * Volumes as files and directories: `images/VMID/vm-VMID-disk-0.raw`. On btrfs, directories are subvolumes,
 * and a raw image is a file in a subvolume of its own.
 */
export class DirectoryVolumes implements VolumeStore {
  private readonly kind: DirectoryKind;

  constructor(private readonly storage: DirectoryStorage) {
    this.kind = storage.btrfs ? subvolume : plainDirectory;
  }

  async list(vmid: number): Promise<readonly string[]> {
    const { id, btrfs } = this.storage;
    const names = await readdir(join(contentDirectory(this.storage, 'images'), String(vmid))).catch(
      ifMissing,
    );
    const volumes = names.flatMap((name) => {
      if (/\.(?:raw|qcow2|vmdk|subvol)$/.test(name)) return [name];
      return btrfs && /^(?:vm|base)-/.test(name) ? [`${name}.raw`] : [];
    });
    return volumes.map((name) => `${id}:${vmid}/${name}`);
  }

  async makeImage({ volume, onWarning }: VolumeRequest): Promise<StagedVolume> {
    const path = this.pathOf(volume);
    const isInSubvolume = this.storage.btrfs && volume.endsWith('.raw');
    return isInSubvolume
      ? StagedSubvolumeImage.create(volume, path, this.kind, onWarning)
      : StagedFile.create(volume, path, { onWarning });
  }

  makeDirectory({ volume, onWarning }: VolumeRequest): Promise<StagedVolume> {
    return StagedDirectory.create(volume, this.pathOf(volume), this.kind, onWarning);
  }

  async remove(volume: string): Promise<void> {
    const path = this.pathOf(volume);
    if (volume.endsWith('.subvol')) await this.kind.remove(path);
    else if (this.storage.btrfs && volume.endsWith('.raw')) await this.kind.remove(dirname(path));
    else await rm(path);
  }

  private pathOf(volume: string): string {
    return resolveVolume(new Map([[this.storage.id, this.storage]]), volume).path;
  }
}

const subvolume: DirectoryKind = {
  make: async (path) => {
    await run('btrfs', 'subvolume', 'create', path);
  },
  remove: async (path) => {
    await run('btrfs', 'subvolume', 'delete', path);
  },
};

function ifMissing(error: NodeJS.ErrnoException): string[] {
  if (isNotFound(error)) return [];
  throw error;
}
