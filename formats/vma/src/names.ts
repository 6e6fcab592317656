import { fileNameFault } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import { VMSTATE_NAME, type VmaConfig, type VmaDevice, type VmaHeader } from './format.js';

/**
 * The name of the file that a device is unpacked to. @throws `VMA_DEVICE_NAME` when its name cannot be part of one
 */
export function deviceFileName(device: VmaDevice): string {
  const name = device.name === VMSTATE_NAME ? 'vmstate.bin' : `disk-${device.name}.raw`;
  const fault = nameFault(name);
  if (fault !== undefined) {
    throw new ArchiveError(
      'VMA_DEVICE_NAME',
      `the device name ${JSON.stringify(device.name)} is not safe: ${fault}`,
      {
        entry: device.name,
        hint: 'give it a path of your own (--drive NAME=PATH) or leave it out (--skip NAME)',
      },
    );
  }
  return name;
}

/** The name of the file that a config is unpacked to. @throws `VMA_CONFIG_NAME` */
export function configFileName(config: VmaConfig): string {
  const fault = nameFault(config.name);
  if (fault !== undefined) {
    throw new ArchiveError(
      'VMA_CONFIG_NAME',
      `the config name ${JSON.stringify(config.name)} is not safe: ${fault}`,
      {
        entry: config.name,
        hint: 'look at it with the command config, and take the drives out one by one with cat',
      },
    );
  }
  return config.name;
}

function nameFault(name: string): string | undefined {
  if (/[\uDC80-\uDCFF]/.test(name)) return 'it is not UTF-8';
  return fileNameFault(name);
}

/** Device names that stand for more than one device: Proxmox's writer lets them through, its reader fails on them. */
export function repeatedDeviceNames(header: VmaHeader): string[] {
  const names = header.devices.map((device) => device.name);
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

/** The device of this name, or with this id when it is a number. @throws `VMA_NO_SUCH_DEVICE`, listing what there is */
export function findDevice(header: VmaHeader, name: string): VmaDevice {
  const device =
    header.devices.find((candidate) => candidate.name === name) ??
    header.devices.find((candidate) => String(candidate.id) === name);
  if (device === undefined) {
    const names = header.devices.map((candidate) => candidate.name).join(', ');
    throw new ArchiveError('VMA_NO_SUCH_DEVICE', `the archive has no drive ${JSON.stringify(name)}`, {
      entry: name,
      hint: names === '' ? 'it has no drives at all' : `it has: ${names}`,
    });
  }
  return device;
}

/** The config of this name. @throws `VMA_NO_SUCH_CONFIG`, listing what there is */
export function findConfig(header: VmaHeader, name: string): VmaConfig {
  const config = header.configs.find((candidate) => candidate.name === name);
  if (config === undefined) {
    const names = header.configs.map((candidate) => candidate.name).join(', ');
    throw new ArchiveError('VMA_NO_SUCH_CONFIG', `the archive has no config ${JSON.stringify(name)}`, {
      entry: name,
      hint: names === '' ? 'it has no configs at all' : `it has: ${names}`,
    });
  }
  return config;
}
