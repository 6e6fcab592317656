import { type ImageWriter, openImageWriter } from '@vzdump-format/disk';
import { printableName } from '@vzdump-format/posix';
import { BANDWIDTH_UNIT, type SupportedStorage } from '@vzdump-format/pve';
import { RateLimiter, type WriteAt } from '@vzdump-format/streams';
import { CLUSTER_SIZE, type VmaHeader, type VmaRecord } from '@vzdump-format/vma';
import { failedWrite } from '../failed-write.js';
import { limitFor, type RestoreJob } from '../restore-job.js';
import { stageChosenTarget } from '../volumes/chosen-places.js';
import type { StagedVolume } from '../volumes/volume-store.js';
import type { DrivePlan } from './plan-drives.js';

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

  /** Makes a drive's volume, unless it is there, and is ready for its content. */
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
