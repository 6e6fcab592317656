import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type ImageWriter, openImageWriter, writtenFormat } from '@vzdump-format/disk';
import { printableName, requireUnusedImage } from '@vzdump-format/posix';
import {
  BANDWIDTH_UNIT,
  formatGuestConfig,
  type GuestConfig,
  newVolumeId,
  parseDriveMap,
  planRestoredDrives,
  type RestoredDrive,
  resolveVolume,
  type SupportedStorage,
  type VolumeFormat,
} from '@vzdump-format/pve';
import {
  ArchiveError,
  debugLog,
  type PendingFileOptions,
  RateLimiter,
  type WriteAt,
} from '@vzdump-format/streams';
import { CLUSTER_SIZE, type VmaDevice, type VmaHeader, type VmaRecord } from '@vzdump-format/vma';
import { limitFor, type RestoreJob } from './restore-job.js';
import { StagedFile } from './volumes/directory-volumes.js';
import { failedWrite, requireContent, type StagedVolume } from './volumes/volume-store.js';

/** Where a drive of a restored virtual machine goes. */
export interface DrivePlan {
  /** `scsi0` */
  readonly key: string;
  /** The device of the archive that fills it; none for a drive of cloud-init, which Proxmox VE fills. */
  readonly device: VmaDevice | undefined;
  /** A volume's id, or an absolute path. */
  readonly volume: string;
  /** Where that is. */
  readonly path: string;
  readonly format: VolumeFormat;
  /** Bytes. */
  readonly size: number;
  /** `undefined` for a path that was chosen for it. */
  readonly storage: SupportedStorage | undefined;
  /** Whether it is there already, and stays as it is. */
  readonly exists: boolean;
}

/**
 * Plans where the drives of an archive go: to the paths chosen for them, else to new volumes.
 * @throws as `planRestoredDrives`; `RESTORE_MAP`, `RESTORE_DRIVE`, `STORAGE_CONTENT`
 */
export async function planDrives(
  archived: GuestConfig,
  header: VmaHeader,
  job: RestoreJob,
): Promise<readonly DrivePlan[]> {
  const { storages, pveRoot, options } = job;
  requireDistinctNames(header);
  const chosen = choosePaths(archived, header, options.drives ?? new Map());
  const planned = planRestoredDrives(archived, {
    ...{ storages, storage: options.storage, node: pveRoot.node },
    devices: header.devices,
    placed: new Set(chosen.map(({ key }) => key)),
  });
  const plans: DrivePlan[] = [...chosen];
  for (const drive of planned) plans.push(await planVolume(drive, header, job));
  for (const { key, volume, format, storage, path } of plans) {
    debugLog('%s: becomes %s, %s on %s: %s', key, volume, format, storage?.id ?? 'no storage', path);
  }
  return plans;
}

/** Volumes of the guest's number that are in no configuration: `rescan` adds them to it. */
export async function orphanVolumes(
  drives: readonly DrivePlan[],
  { allocator }: RestoreJob,
): Promise<readonly string[]> {
  const storages = new Set(drives.flatMap(({ storage }) => storage ?? []));
  const found = await Promise.all([...storages].map((storage) => allocator.found(storage)));
  return found.flat();
}

async function planVolume(drive: RestoredDrive, { devices }: VmaHeader, job: RestoreJob): Promise<DrivePlan> {
  const { key, deviceName, size, storage } = drive;
  requireContent(storage, 'images');
  const format = writableFormat(drive, job);
  const isCloudInit = deviceName === undefined;
  const volume = isCloudInit
    ? newVolumeId(storage, { vmid: job.options.vmid, name: 'cloudinit', format })
    : await job.allocator.disk(storage, format);
  const { path } = resolveVolume(job.storages, volume, job.pveRoot.node);
  const device = devices.find(({ name }) => name === deviceName);
  const exists = isCloudInit && (await job.allocator.found(storage)).includes(volume);
  return { key, device, volume, path, format, size, storage, exists };
}

/** What only QEMU's tools write becomes raw. */
function writableFormat({ key, format }: RestoredDrive, { options }: RestoreJob): VolumeFormat {
  if (format !== 'vmdk') return format;
  const message = `${key} was a ${format} image, and is restored as a raw one`;
  options.onWarning?.({ code: 'RESTORE_IMAGE_FORMAT', message, entry: key, isNotice: true });
  return 'raw';
}

/** By a drive's key, or its device's name or number in the archive. */
function choosePaths(
  archived: GuestConfig,
  { devices }: VmaHeader,
  paths: ReadonlyMap<string, string>,
): readonly DrivePlan[] {
  const map = parseDriveMap(formatGuestConfig(archived));
  const plans = new Map<string, DrivePlan>();
  for (const [name, given] of paths) {
    const device = devices.find(
      (each) =>
        each.name === name ||
        String(each.id) === name ||
        map.some(({ key, deviceName }) => key === name && deviceName === each.name),
    );
    const key = map.find(({ deviceName }) => deviceName === device?.name)?.key;
    if (device === undefined || key === undefined) throw noSuchDrive(name, map);
    if (plans.has(key)) throw driveError(`two paths are given for the drive ${key}`);
    const path = resolve(given);
    if ([...plans.values()].some((plan) => plan.path === path)) {
      throw driveError(`two drives cannot go to the same path: ${printableName(path)}`);
    }
    const format = path.endsWith('.qcow2') ? 'qcow2' : 'raw';
    const rest = { size: device.size, storage: undefined, exists: false };
    plans.set(key, { key, device, volume: path, path, format, ...rest });
  }
  return [...plans.values()];
}

function requireDistinctNames({ devices }: VmaHeader): void {
  const names = devices.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new ArchiveError('RESTORE_MAP', `the archive has two devices of the name '${printableName(twice)}'`, {
    entry: twice,
    hint: 'unpack takes it apart nevertheless',
  });
}

function noSuchDrive(name: string, map: readonly { readonly key: string }[]): ArchiveError {
  const keys = map.map(({ key }) => printableName(key)).join(', ');
  return driveError(
    `the archive has no drive '${printableName(name)}'`,
    keys === '' ? undefined : `it has ${keys}`,
  );
}

function driveError(message: string, hint?: string): ArchiveError {
  return new ArchiveError('RESTORE_DRIVE', message, { hint });
}

interface Output {
  readonly volume: StagedVolume;
  readonly writer: ImageWriter;
  readonly limiter: RateLimiter;
  isWritten: boolean;
}

/** All that the drives of an archive are written to. */
export class DriveOutput {
  /** By the id of the device. */
  private readonly outputs = new Map<number, Output>();
  /** By storage; drives at chosen paths share one. */
  private readonly limiters = new Map<SupportedStorage | undefined, RateLimiter>();
  private isWhole = false;

  constructor(
    private readonly job: RestoreJob,
    private readonly writeAt: WriteAt | undefined,
  ) {}

  /** Makes a drive's volume, unless it is there, and gets ready to write its content. */
  async open(drive: DrivePlan): Promise<void> {
    const { device, storage, size, path, exists } = drive;
    if (exists) return;
    const volume = this.job.staged.add(await this.stage(drive), size);
    if (volume.place.kind === 'directory') throw new Error('a drive is no directory');
    const format = drive.format === 'qcow2' ? 'qcow2' : 'raw';
    const writer = await openImageWriter(volume.place, { format, size, writeAt: this.writeAt });
    if (device === undefined) {
      await writer.finish().finally(() => writer.close());
      return;
    }
    this.outputs.set(device.id, { volume, writer, limiter: this.limiterOf(storage), isWritten: false });
    this.job.tell({ type: 'drive', device: device.name, path, writesZeros: writer.writesZeros });
  }

  /** Writes all content, and finishes the images. @returns the bytes of all drives */
  async writeAll(records: AsyncIterable<VmaRecord>, header: VmaHeader): Promise<number> {
    const { onProgress } = this.job.options;
    const total = header.devices.reduce((sum, { size }) => sum + size, 0);
    let bytes = 0;
    const zeros = { zeroBytes: 0, zeroClusterBytes: 0 };
    for await (const record of records) {
      if (record.kind === 'header') continue;
      const length = record.kind === 'data' ? record.data.length : record.length;
      if (record.kind === 'zeros') {
        zeros.zeroBytes += length;
        zeros.zeroClusterBytes += bytesInWholeClusters(record);
      }
      await this.write(record, length);
      bytes += length;
      onProgress?.(bytes, total);
    }
    for (const { writer, volume } of this.outputs.values()) {
      await writer.finish().catch((error) => {
        throw failedWrite(error, volume.place.path);
      });
    }
    this.isWhole = true;
    this.job.tell({ type: 'drives-written', bytes, ...zeros });
    return bytes;
  }

  async close(): Promise<void> {
    for (const { writer, volume, isWritten } of this.outputs.values()) {
      await writer.close();
      if (this.isWhole || !isWritten || volume.place.kind !== 'device' || volume.volume !== volume.path)
        continue;
      const message = `${printableName(volume.path)} was written in part: its content is of no use`;
      this.job.options.onWarning?.({ code: 'TARGET_INCOMPLETE', message, entry: volume.path });
    }
    this.outputs.clear();
  }

  private async write(record: Exclude<VmaRecord, { kind: 'header' }>, length: number): Promise<void> {
    const output = this.outputs.get(record.device.id);
    if (output === undefined) return;
    const { writer, limiter, volume } = output;
    if (record.kind === 'zeros' && !writer.writesZeros) return;
    await limiter.takeAll(length, this.job.options.signal);
    output.isWritten = true;
    try {
      if (record.kind === 'data') await writer.write(record.data, record.offset);
      else await writer.zero(record.offset, length);
    } catch (error) {
      throw failedWrite(error, volume.place.path);
    }
  }

  private stage({ volume, path, size, storage }: DrivePlan): Promise<StagedVolume> {
    const { allocator, options } = this.job;
    const { vmid, force = false, onWarning } = options;
    if (storage === undefined) return stageChosenTarget(path, { overwrite: force, onWarning });
    return allocator.store(storage).makeImage({ vmid, volume, size, onWarning });
  }

  private limiterOf(storage: SupportedStorage | undefined): RateLimiter {
    const known = this.limiters.get(storage);
    if (known !== undefined) return known;
    const kibPerSecond = limitFor(this.job, storage === undefined ? [] : [storage]);
    const limiter = new RateLimiter(kibPerSecond * BANDWIDTH_UNIT);
    this.limiters.set(storage, limiter);
    if (storage !== undefined && kibPerSecond > 0) {
      this.job.tell({ type: 'storage-limit', storage: storage.id, kibPerSecond });
    }
    return limiter;
  }
}

/** The last cluster of a device need not be whole. */
function bytesInWholeClusters({ device, offset, length }: Extract<VmaRecord, { kind: 'zeros' }>): number {
  const start = Math.ceil(offset / CLUSTER_SIZE) * CLUSTER_SIZE;
  const end = offset + length;
  const wholeEnd = end === device.size ? end : end - (end % CLUSTER_SIZE);
  return Math.max(0, wholeEnd - start);
}

/**
 * A path that the user chose for a drive: a block device that is there, or a file to be made.
 * @param path absolute
 * @throws `TARGET_KIND`, `IMAGE_IN_USE`; `FILE_EXISTS` unless `overwrite`
 */
async function stageChosenTarget(path: string, options: PendingFileOptions): Promise<StagedVolume> {
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined) requireUnusedImage(path);
  if (existing?.isBlockDevice()) {
    return {
      volume: path,
      path,
      place: { kind: 'device', path, zeroed: false },
      commit: async () => {},
      remove: async () => {},
    };
  }
  if (existing !== undefined && !existing.isFile()) {
    const message = `${printableName(path)} is neither a regular file nor a block device`;
    throw new ArchiveError('TARGET_KIND', message, { entry: path });
  }
  writtenFormat(path);
  return StagedFile.create(path, path, options);
}
