import { printableName } from '@vzdump-format/posix';
import type { ArchiveWarning, OnProgress } from '@vzdump-format/streams';
import type { VmaHeader } from '../format.js';
import { configFileName, deviceFileName, repeatedDeviceNames } from '../names.js';
import { type UnpackVmaOptions, unpackVma } from './unpack.js';

export interface VerifyVmaOptions extends UnpackVmaOptions {
  readonly onProgress?: OnProgress | undefined;
}

/** What a verified archive holds. */
export interface VmaSummary {
  readonly header: VmaHeader;
  /** Of all devices, zeros included. */
  readonly bytes: number;
}

/**
 * Reads a whole archive and proves what can be proven: both kinds of checksum, the uuid of every extent, the
 * structure, every cluster exactly once, that nothing lies past a device's end or behind the archive's, and
 * that every name can be unpacked safely. The content of blocks has no checksum in this format.
 *
 * @throws ArchiveError, the first thing that is wrong
 */
export async function verifyVma(
  archive: AsyncIterable<Uint8Array>,
  options: VerifyVmaOptions = {},
): Promise<VmaSummary> {
  let header: VmaHeader | undefined;
  let bytes = 0;
  let total = 0;
  for await (const record of unpackVma(archive, options)) {
    if (record.kind === 'header') {
      header = record.header;
      total = header.devices.reduce((sum, device) => sum + device.size, 0);
    } else {
      bytes += record.kind === 'data' ? record.data.length : record.length;
      options.onProgress?.(bytes, total);
    }
  }
  for (const config of header!.configs) configFileName(config);
  const repeated = repeatedDeviceNames(header!);
  for (const device of header!.devices) deviceFileName(device, repeated.includes(device.name));
  for (const warning of repeatedNameWarnings(header!)) options.onWarning?.(warning);
  return { header: header!, bytes };
}

export function repeatedNameWarnings(header: VmaHeader): ArchiveWarning[] {
  return repeatedDeviceNames(header).map((name) => ({
    code: 'VMA_DEVICE_NAME_REPEATED',
    message: `more than one device is named ${printableName(name)}: Proxmox's own tool cannot extract them`,
    entry: name,
    hint: 'unpack numbers them, and --drive takes a device id in place of a name',
  }));
}
