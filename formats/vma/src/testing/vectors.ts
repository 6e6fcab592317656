import { badVmas, craftedVmas, goldenVmas, vectorBytes } from '@vzdump-format/test-vectors';
import { builtArchive, headerOf } from './built-archive.js';

export interface LegalArchive {
  readonly name: string;
  readonly bytes: Buffer;
  /** Of the content of each device. */
  readonly hashes: Readonly<Record<number, string>>;
}

/** The crafted archive that is too large to keep, built after its note: 59 full clusters in one extent. */
export function largestExtentArchive(): Buffer {
  const clusters = Array.from({ length: 59 }, (_, cluster) => ({
    deviceId: 1,
    cluster,
    mask: 0xffff,
    data: Buffer.alloc(65536, cluster + 1),
  }));
  const devices = [{ id: 1, name: 'drive-scsi0', size: 59 * 65536 }];
  const configs = [{ name: 'qemu-server.conf', data: Buffer.from('name: crafted\n') }];
  return builtArchive(headerOf(devices, configs), [clusters]);
}

/** What Proxmox wrote, and what it accepts. */
export function legalArchives(): LegalArchive[] {
  const golden = goldenVmas().map((entry) => ({ folder: 'vma', ...entry }));
  const crafted = craftedVmas().map((entry) => ({
    folder: 'vma-crafted',
    ...entry,
    devices: entry.devices!,
  }));
  return [...golden, ...crafted].map(({ folder, name, devices }) => ({
    name,
    bytes: name === 'extent-max-3867136' ? largestExtentArchive() : vectorBytes(`${folder}/${name}.vma`),
    hashes: Object.fromEntries(devices.map((device) => [device.id, device.sha256])),
  }));
}

export function legalArchive(name: string): LegalArchive {
  return legalArchives().find((archive) => archive.name === name)!;
}

/** An archive that Proxmox wrote, kept among the bad ones because they are made from it. */
export function baseArchive(name: 'base' | 'multi'): Buffer {
  if (!badVmas().some((entry) => entry.name === name)) throw new Error(`no vector ${name}`);
  return vectorBytes(`vma-bad/${name}.vma`);
}
