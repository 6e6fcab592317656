import { fileNameFault } from '@vzdump-format/file-tree';
import { hasEscapedBytes, printableName } from '@vzdump-format/posix';
import { ArchiveError, type ArchiveWarning } from '@vzdump-format/streams';
import { VMSTATE_NAME, type VmaConfig, type VmaDevice, type VmaHeader } from './format.js';

/**
 * The name of the file that a device is unpacked to.
 * @param numbered whether other devices have its name, so that its id must tell it apart
 * @throws `VMA_DEVICE_NAME` when the device's name cannot be part of a file name
 */
export function deviceFileName(device: VmaDevice, numbered = false): string {
  const number = numbered ? `-${device.id}` : '';
  const name = device.name === VMSTATE_NAME ? `vmstate${number}.bin` : `disk-${device.name}${number}.raw`;
  const fault = nameFault(name);
  if (fault !== undefined) {
    throw new ArchiveError(
      'VMA_DEVICE_NAME',
      `the device name "${printableName(device.name)}" is not safe: ${fault}`,
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
      `the config name "${printableName(config.name)}" is not safe: ${fault}`,
      {
        entry: config.name,
        hint: 'look at it with the command config, and take the drives out one by one with cat',
      },
    );
  }
  return config.name;
}

function nameFault(name: string): string | undefined {
  if (hasEscapedBytes(name)) return 'it is not UTF-8';
  return fileNameFault(name);
}

/**
 * Device names that stand for more than one device: Proxmox's writer lets them through, its reader fails on
 * them.
 */
export function repeatedDeviceNames(header: VmaHeader): string[] {
  const names = header.devices.map((device) => device.name);
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

/** What is to be told of them. */
export function repeatedNameWarnings(header: VmaHeader): ArchiveWarning[] {
  return repeatedDeviceNames(header).map((name) => ({
    code: 'VMA_DEVICE_NAME_REPEATED',
    message: `more than one device is named ${printableName(name)}: Proxmox's own tool cannot extract them`,
    entry: name,
    hint: 'unpack numbers them, and --drive takes a device id in place of a name',
  }));
}

/**
 * The device of this name, or with this id when it is a number. @throws `VMA_NO_SUCH_DEVICE`, listing what
 * there is
 */
export function findDevice(header: VmaHeader, name: string): VmaDevice {
  const device =
    header.devices.find((candidate) => candidate.name === name) ??
    header.devices.find((candidate) => String(candidate.id) === name);
  if (device === undefined) throw noSuch('VMA_NO_SUCH_DEVICE', 'drive', name, header.devices);
  return device;
}

/** The config of this name. @throws `VMA_NO_SUCH_CONFIG`, listing what there is */
export function findConfig(header: VmaHeader, name: string): VmaConfig {
  const config = header.configs.find((candidate) => candidate.name === name);
  if (config === undefined) throw noSuch('VMA_NO_SUCH_CONFIG', 'config', name, header.configs);
  return config;
}

function noSuch(
  code: string,
  what: string,
  name: string,
  known: readonly { readonly name: string }[],
): ArchiveError {
  const names = known.map((one) => printableName(one.name)).join(', ');
  return new ArchiveError(code, `the archive has no ${what} "${printableName(name)}"`, {
    entry: name,
    hint: names === '' ? `it has no ${what}s at all` : `it has: ${names}`,
  });
}
