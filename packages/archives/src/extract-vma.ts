import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { createImageFile, type ImageTarget, openImageTarget } from '@vzdump-format/disk';
import { makeDirectories, removeEmptyDirectories } from '@vzdump-format/posix';
import { ArchiveError, commitTogether, PendingFile, writeFully } from '@vzdump-format/streams';
import {
  configFileName,
  deviceFileName,
  findDevice,
  repeatedDeviceNames,
  repeatedNameWarnings,
  unpackVma,
  type VmaDevice,
  type VmaHeader,
  type VmaRecord,
} from '@vzdump-format/vma';
import type { UnpackDisksOptions } from './archive-format.js';

/**
 * Unpacks an archive: the configs under their names, each drive as a sparse file `disk-NAME.raw` of its exact
 * size, the memory state as `vmstate.bin`. Files get their names when the whole archive has proved right, or
 * not at all.
 *
 * @throws as `unpackVma`, and `VMA_CONFIG_NAME`, `VMA_DEVICE_NAME`, `VMA_NO_SUCH_DEVICE`, `VMA_SAME_TARGET`,
 * `FILE_EXISTS`, `TARGET_…`
 */
export function extractVma(
  archive: AsyncIterable<Uint8Array>,
  options: UnpackDisksOptions,
): Promise<VmaHeader> {
  return extractRecords(unpackVma(archive, options), options);
}

/** The same of what an archive holds. */
export async function extractRecords(
  records: AsyncIterable<VmaRecord>,
  options: UnpackDisksOptions,
): Promise<VmaHeader> {
  const made = makeDirectories(options.directory);
  const output = new Output(options);
  try {
    let header: VmaHeader | undefined;
    let bytes = 0;
    for await (const record of records) {
      if (record.kind === 'header') {
        header = record.header;
        await output.open(header);
        continue;
      }
      await output.write(record);
      bytes += record.kind === 'data' ? record.data.length : record.length;
      options.onProgress?.(bytes, output.total);
    }
    await output.commit();
    return header!;
  } catch (error) {
    await output.discard();
    removeEmptyDirectories(made);
    throw error;
  }
}

/** All that an archive is unpacked to. */
class Output {
  total = 0;
  /** By device id; devices that are left out have none. */
  private readonly targets = new Map<number, ImageTarget>();
  private readonly configs: PendingFile[] = [];

  constructor(private readonly options: UnpackDisksOptions) {}

  async open(header: VmaHeader): Promise<void> {
    const { directory, overwrite = false, writeAt, onWarning } = this.options;
    this.total = header.devices.reduce((sum, device) => sum + device.size, 0);
    const places = drivePlaces(header, this.options);
    const configPaths = header.configs.map((config) => join(directory, configFileName(config)));
    await requireDistinct([...configPaths, ...places.map(({ path }) => path)]);
    for (const warning of repeatedNameWarnings(header)) onWarning?.(warning);
    for (const [index, path] of configPaths.entries()) {
      const file = await PendingFile.create(path, { overwrite, onWarning });
      this.configs.push(file);
      await writeFully(file.handle, header.configs[index]!.data, 0);
    }
    for (const { device, path, chosen } of places) {
      const disk = { name: device.name, size: device.size, overwrite, writeAt, onWarning };
      const target = chosen ? openImageTarget(path, disk) : createImageFile(path, 'raw', disk);
      this.targets.set(device.id, await target);
    }
  }

  async write(record: Exclude<VmaRecord, { kind: 'header' }>): Promise<void> {
    const target = this.targets.get(record.device.id);
    if (target === undefined) return;
    if (record.kind === 'data') await target.write(record.data, record.offset);
    else await target.zero(record.offset, record.length);
  }

  async commit(): Promise<void> {
    const files: PendingFile[] = [];
    for (const target of this.targets.values()) {
      const file = await target.finish();
      if (file !== undefined) files.push(file);
    }
    await commitTogether([...files, ...this.configs]);
  }

  async discard(): Promise<void> {
    for (const config of this.configs) await config.discard();
    for (const target of this.targets.values()) {
      const left = await target.discard();
      if (left !== undefined) {
        this.options.onWarning?.({ code: 'TARGET_INCOMPLETE', message: left, entry: target.path });
      }
    }
  }
}

/** @throws `VMA_SAME_TARGET` for paths that name the same place, however they are spelled */
async function requireDistinct(paths: readonly string[]): Promise<void> {
  const places = new Set<string>();
  for (const path of paths) {
    const directory = dirname(resolve(path));
    const place = join(await realpath(directory).catch(() => directory), basename(path));
    if (places.has(place)) {
      throw new ArchiveError('VMA_SAME_TARGET', `two parts of the archive would become ${path}`, {
        entry: path,
        hint: 'send a drive elsewhere with --drive NAME=PATH, or leave it out with --skip NAME',
      });
    }
    places.add(place);
  }
}

/** Where a drive goes. */
interface DrivePlace {
  readonly device: VmaDevice;
  readonly path: string;
  /** Whether the caller named the path: only then it may be a block device. */
  readonly chosen: boolean;
}

/** Devices that share a name are told apart by their ids. */
function drivePlaces(header: VmaHeader, options: UnpackDisksOptions): DrivePlace[] {
  const chosen = new Map<VmaDevice, string>();
  for (const [name, path] of options.drives ?? []) chosen.set(findDevice(header, name), path);
  const skipped = new Set((options.skip ?? []).map((name) => findDevice(header, name)));
  const repeated = new Set(repeatedDeviceNames(header));
  return header.devices
    .filter((device) => !skipped.has(device))
    .map((device) => {
      const path = chosen.get(device);
      if (path !== undefined) return { device, path, chosen: true };
      const name = deviceFileName(device, repeated.has(device.name));
      return { device, path: join(options.directory, name), chosen: false };
    });
}
