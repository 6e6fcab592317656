import type { LvmStorage, ZfsStorage } from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import type { Run, StagedVolume, VolumeRequest, VolumeStore } from './volume-store.js';

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

/** Volumes of ZFS: `/dev/zvol/POOL/vm-VMID-disk-0` for disks, datasets with files for containers. */
export class ZfsVolumes implements VolumeStore {
  constructor(
    private readonly storage: ZfsStorage,
    private readonly run: Run,
  ) {}

  async list(vmid: number): Promise<readonly string[]> {
    const { id, pool } = this.storage;
    const output = await this.run(
      'zfs',
      ...['list', '-H', '-o', 'name', '-t', 'filesystem,volume'],
      ...['-d', '1', '-r', pool],
    );
    const names = output.split('\n').map((name) => name.slice(pool.length + 1));
    const own = new RegExp(`^(?:vm|base|subvol|basevol)-${vmid}-`);
    return names.filter((name) => own.test(name)).map((name) => `${id}:${name}`);
  }

  async makeImage({ volume, size }: VolumeRequest): Promise<StagedVolume> {
    const sparse = this.storage.properties.has('sparse') ? ['-s'] : [];
    const blockSize = this.storage.properties.get('blocksize');
    const blocks = blockSize === undefined ? [] : ['-b', blockSize];
    const dataset = this.datasetOf(volume);
    await this.run('zfs', 'create', ...sparse, ...blocks, '-V', `${Math.ceil(size / KIB)}k`, dataset);
    const path = `/dev/zvol/${dataset}`;
    const staged = this.staged(volume, path, { kind: 'device', path, zeroed: true });
    try {
      await this.run('udevadm', 'settle', `--exit-if-exists=${path}`);
    } catch (error) {
      await staged.remove();
      throw error;
    }
    return staged;
  }

  async makeDirectory({ volume, size }: VolumeRequest): Promise<StagedVolume> {
    const quota = size === 0 ? [] : ['-o', `refquota=${Math.ceil(size / KIB)}k`];
    const dataset = this.datasetOf(volume);
    await this.run('zfs', 'create', '-o', 'acltype=posixacl', '-o', 'xattr=sa', ...quota, dataset);
    const path = `${this.storage.mountPoint}/${dataset.slice(this.storage.pool.length + 1)}`;
    return this.staged(volume, path, { kind: 'directory', path });
  }

  async remove(volume: string): Promise<void> {
    await this.run('zfs', 'destroy', '-r', this.datasetOf(volume));
  }

  private staged(volume: string, path: string, place: StagedVolume['place']): StagedVolume {
    return { volume, path, place, commit: async () => {}, remove: () => this.remove(volume) };
  }

  private datasetOf(volume: string): string {
    return `${this.storage.pool}/${volume.slice(volume.indexOf(':') + 1)}`;
  }
}
