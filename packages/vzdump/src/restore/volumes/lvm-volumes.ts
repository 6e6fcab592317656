import type { LvmStorage } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import type { Run } from '../run.js';
import type { StagedVolume, VolumeRequest, VolumeStore } from './volume-store.js';

const KIB = 1024;

/**
 * Volumes as logical volumes of LVM, `/dev/VG/vm-VMID-disk-0`; those of a thin pool read as zeros when they
 * are new.
 */
export class LvmVolumes implements VolumeStore {
  constructor(
    private readonly storage: LvmStorage,
    private readonly run: Run,
  ) {}

  async list(vmid: number): Promise<readonly string[]> {
    const { id, volumeGroup } = this.storage;
    const output = await this.run('lvs', '--noheadings', '--options', 'lv_name', volumeGroup);
    const names = output.split('\n').map((line) => line.trim());
    return names
      .filter((name) => new RegExp(`^(?:vm|base)-${vmid}-`).test(name))
      .map((name) => `${id}:${name}`);
  }

  async makeImage({ vmid, volume, size }: VolumeRequest): Promise<StagedVolume> {
    const { volumeGroup, thinPool } = this.storage;
    const name = this.nameOf(volume);
    const common = [
      '--quiet',
      '--yes',
      '--wipesignatures',
      'y',
      '--addtag',
      `pve-vm-${vmid}`,
      '--name',
      name,
    ];
    const kib = `${Math.ceil(size / KIB)}k`;
    const where =
      thinPool === undefined
        ? ['--size', kib, volumeGroup]
        : ['--virtualsize', kib, '--thinpool', `${volumeGroup}/${thinPool}`];
    await this.run('lvcreate', ...common, ...where);
    const path = `/dev/${volumeGroup}/${name}`;
    return {
      volume,
      path,
      place: { kind: 'device', path, zeroed: thinPool !== undefined },
      commit: async () => {},
      remove: () => this.remove(volume),
    };
  }

  async makeDirectory({ volume }: VolumeRequest): Promise<StagedVolume> {
    throw new ArchiveError('STORAGE_TYPE', `storage '${this.storage.id}' has no directories: ${volume}`);
  }

  async remove(volume: string): Promise<void> {
    await this.run('lvremove', '--force', `${this.storage.volumeGroup}/${this.nameOf(volume)}`);
  }

  private nameOf(volume: string): string {
    return volume.slice(volume.indexOf(':') + 1);
  }
}
