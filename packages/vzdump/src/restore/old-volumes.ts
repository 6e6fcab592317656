import { type GuestConfig, type GuestConfigSection, parseVolumeId } from '@vzdump-format/pve';

/** What becomes of the volumes of a guest that is replaced. */
export interface OldVolumes {
  /** Their content came anew with the archive. */
  readonly replaced: readonly string[];
  /** They stay, for no archive brings them back. */
  readonly kept: readonly string[];
}

/** Keys of volumes, of both types of guests. */
const VOLUME_KEY = /^(?:(?:ide|scsi|virtio|sata|efidisk|tpmstate|unused|mp)\d+|rootfs|vmstate)$/;

/**
 * Sorts the volumes that belong to a guest, be they in its configuration or in its snapshots'. Those of the
 * keys that were restored are replaced; not so what others may stand upon (`base-…`), and what the new
 * configuration has, too.
 * @param restored the keys whose content came with the archive
 * @param inUse volumes of the new configuration
 */
export function sortOldVolumes(
  old: GuestConfig,
  vmid: number,
  restored: ReadonlySet<string>,
  inUse: ReadonlySet<string>,
): OldVolumes {
  const replaced = new Set<string>();
  const all = new Set<string>();
  for (const section of old.sections) {
    for (const [key, volume] of volumesOf(section)) {
      if (!isOwned(volume, vmid) || inUse.has(volume)) continue;
      all.add(volume);
      if (section.kind === 'current' && restored.has(key) && !isBase(volume)) replaced.add(volume);
    }
  }
  return { replaced: [...replaced], kept: [...all].filter((volume) => !replaced.has(volume)) };
}

/** Those that a restore may replace, whatever it restores. */
export function replaceableVolumes(old: GuestConfig, vmid: number): readonly string[] {
  return volumesOf(old.sections[0])
    .filter(([key, volume]) => !key.startsWith('unused') && isOwned(volume, vmid) && !isBase(volume))
    .map(([, volume]) => volume);
}

function volumesOf({ lines }: GuestConfigSection): readonly (readonly [key: string, volume: string])[] {
  return lines.flatMap((line) => {
    if (line.kind !== 'property' || !VOLUME_KEY.test(line.key)) return [];
    const parts = line.value.split(',').map((part) => part.replace(/^(?:file|volume)=/, ''));
    const volume = parts.find((part) => !part.includes('=') && parseVolumeId(part) !== undefined);
    return volume === undefined ? [] : [[line.key, volume] as const];
  });
}

/** `local:300/vm-300-disk-0.raw`, `local-zfs:subvol-300-disk-0`. What a path names may be anyone's. */
function isOwned(volume: string, vmid: number): boolean {
  const name = parseVolumeId(volume)?.name ?? '';
  return new RegExp(`(?:^|/)(?:vm|base|subvol|basevol)-${vmid}-[^/]+$`).test(name);
}

function isBase(volume: string): boolean {
  return /[:/]base(?:vol)?-[^/]+$/.test(volume);
}
