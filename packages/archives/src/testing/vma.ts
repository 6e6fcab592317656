import { craftedVmas, goldenVmas, vectorBytes } from '@vzdump-format/test-vectors';
import { collect } from '@vzdump-format/testing';
import { type PackVmaOptions, packVma } from '@vzdump-format/vma';

/** An archive that Proxmox wrote, or accepts, and the hash of each device's content by its id. */
export function legalArchive(name: string) {
  const golden = goldenVmas().find((entry) => entry.name === name);
  const { devices } = golden ?? craftedVmas().find((entry) => entry.name === name)!;
  return {
    bytes: vectorBytes(`${golden === undefined ? 'vma-crafted' : 'vma'}/${name}.vma`),
    hashes: Object.fromEntries(devices!.map(({ id, sha256 }) => [id, sha256])) as Record<number, string>,
  };
}

/** An archive that Proxmox wrote, from which bad ones are made. */
export function baseArchive(name: 'base' | 'multi'): Buffer {
  return vectorBytes(`vma-bad/${name}.vma`);
}

/** An archive that is made for a test. */
export function madeArchive(options: PackVmaOptions): Promise<Buffer> {
  return collect(packVma(options));
}

/** Where each extent of an archive begins. */
export function extentStarts(archive: Buffer): readonly number[] {
  const starts: number[] = [];
  for (let at = archive.indexOf('VMAE'); at >= 0; at = archive.indexOf('VMAE', at + 1)) {
    if (at % 512 === 0) starts.push(at);
  }
  return starts;
}
