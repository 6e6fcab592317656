import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveError, PendingFile, writeFully } from '@vzdump-format/streams';
import { type DriveTarget, openDriveTarget } from './drive-target.js';
import type { VmaDevice, VmaHeader } from './format.js';
import { configFileName, deviceFileName, findDevice, repeatedDeviceNames } from './names.js';
import { unpackVma } from './unpack.js';
import { repeatedNameWarnings, type VerifyVmaOptions } from './verify.js';

export interface ExtractVmaOptions extends VerifyVmaOptions {
  /** Is made when it is not there. */
  readonly directory: string;
  /** Paths (files to be made, or block devices) by device name or id, for drives that go elsewhere. */
  readonly drives?: ReadonlyMap<string, string>;
  /** Names or ids of devices to leave out. */
  readonly skip?: readonly string[];
  /** Whether files that exist are replaced. */
  readonly overwrite?: boolean;
}

/**
 * Unpacks an archive: the configs under their names, each drive as a sparse file `disk-NAME.raw` of its exact size, the
 * memory state as `vmstate.bin`. Files get their names when the whole archive has proved right, or not at all.
 *
 * @throws as `unpackVma`, and `VMA_CONFIG_NAME`, `VMA_DEVICE_NAME`, `VMA_NO_SUCH_DEVICE`, `FILE_EXISTS`, `TARGET_…`
 */
export async function extractVma(
  archive: AsyncIterable<Uint8Array>,
  options: ExtractVmaOptions,
): Promise<VmaHeader> {
  const madeDirectory = await mkdir(options.directory, { recursive: true });
  const output = new Output(options);
  try {
    let header: VmaHeader | undefined;
    let bytes = 0;
    for await (const record of unpackVma(archive, options)) {
      if (record.kind === 'header') {
        header = record.header;
        await output.open(header);
        continue;
      }
      const target = output.targets.get(record.device.id);
      if (record.kind === 'data') await target?.write(record.data, record.offset);
      else await target?.zero(record.offset, record.length);
      bytes += record.kind === 'data' ? record.data.length : record.length;
      options.onProgress?.(bytes, output.total);
    }
    await output.commit();
    return header!;
  } catch (error) {
    await output.discard();
    if (madeDirectory !== undefined) await rmdir(options.directory).catch(() => {}); // holds something, then
    throw error;
  }
}

/** All that an archive is unpacked to. */
class Output {
  /** By device id; devices that are left out have none. */
  readonly targets = new Map<number, DriveTarget>();
  total = 0;
  private readonly configs: PendingFile[] = [];

  constructor(private readonly options: ExtractVmaOptions) {}

  async open(header: VmaHeader): Promise<void> {
    const { directory, overwrite = false, onWarning } = this.options;
    this.total = header.devices.reduce((sum, device) => sum + device.size, 0);
    const paths = drivePaths(header, this.options);
    const configPaths = header.configs.map((config) => join(directory, configFileName(config)));
    requireDistinct([...configPaths, ...paths.values()]);
    for (const warning of repeatedNameWarnings(header)) onWarning?.(warning);
    for (const [index, path] of configPaths.entries()) {
      const file = await PendingFile.create(path, { overwrite });
      this.configs.push(file);
      await writeFully(file.handle, header.configs[index]!.data, 0);
    }
    for (const [device, path] of paths) {
      this.targets.set(device.id, await openDriveTarget(device, path, { overwrite }));
    }
  }

  async commit(): Promise<void> {
    for (const output of [...this.targets.values(), ...this.configs]) await output.commit();
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

function requireDistinct(paths: readonly string[]): void {
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) {
    throw new ArchiveError('VMA_SAME_TARGET', `two parts of the archive would become ${twice}`, {
      entry: twice,
      hint: 'send a drive elsewhere with --drive NAME=PATH, or leave it out with --skip NAME',
    });
  }
}

/** Where each device goes. Devices that share a name are told apart by their ids. */
function drivePaths(header: VmaHeader, options: ExtractVmaOptions): Map<VmaDevice, string> {
  const chosen = new Map<VmaDevice, string>();
  for (const [name, path] of options.drives ?? []) chosen.set(findDevice(header, name), path);
  const skipped = new Set((options.skip ?? []).map((name) => findDevice(header, name)));
  const repeated = new Set(repeatedDeviceNames(header));
  const paths = new Map<VmaDevice, string>();
  for (const device of header.devices) {
    if (skipped.has(device)) continue;
    paths.set(device, chosen.get(device) ?? join(options.directory, fileName(device, repeated)));
  }
  return paths;
}

function fileName(device: VmaDevice, repeated: ReadonlySet<string>): string {
  const name = deviceFileName(device);
  return repeated.has(device.name) ? name.replace(/(\.[a-z]+)$/, `-${device.id}$1`) : name;
}
