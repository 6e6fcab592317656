import type { GuestConfig, GuestConfigLine, GuestType } from '../guest/guest-config.js';
import { isMountPointKey, parseMountPoint } from '../guest/lxc-config.js';
import { isCdrom, isDriveLike, parseDrive } from '../guest/qemu-drives.js';

/** Whether a line of a guest's configuration acts on the host. */
type Judge = (value: string) => boolean;

const always: Judge = () => true;
const never: Judge = () => false;

/** The first pattern that matches the key decides; where none does, the paths and volumes in the value do. */
const JUDGES: Readonly<Record<GuestType, readonly (readonly [RegExp, Judge])[]>> = {
  qemu: [
    [/^(?:args|cicustom|hookscript|ivshmem|(?:hostpci|parallel|virtiofs)\d+)$/, always],
    [/^serial\d+$/, (value) => value !== 'socket'],
    [/^usb\d+$/, (value) => !/^(?:host=)?spice(?:,|$)/i.test(value)],
    [/^rng0$/, (value) => !/(?:^|=)\/dev\/u?random(?:,|$)/.test(value)],
    [/^(?:cipassword|description|name|smbios1|sshkeys|tags|unused\d+|vmstate)$/, never],
  ],
  lxc: [
    [/^(?:hookscript|dev\d+)$/, always],
    [/^(?:description|entrypoint|env|hostname|tags|rootfs|unused\d+)$/, never],
  ],
};

/** Lines for LXC that stay within the container. All others go past what Proxmox VE would check. */
const HARMLESS_RAW: readonly (readonly [RegExp, RegExp])[] = [
  [/^lxc\.(?:arch|environment(?:\.runtime)?|group|signal\..*|start\..*|tty\..*|uts\.name)$/, /^/],
  [/^lxc\.cap\.drop$/, /\S/],
  [/^lxc\.mount\.entry$/, /^tmpfs\s+(?!\/)(?!\S*\.\.)\S+\s+tmpfs\s/],
];

const NAMES_PATH = /(?:^|[,;=\s])\//;
const NAMES_GUEST_VOLUME = /(?:^|[/:=])(?:vm|base|subvol|basevol)-\d+-/;
/** `u 0 100000 65536`, with any id of the host but root's. */
const MAPS_NO_ROOT = /^[ug]\s+\d+\s+0*[1-9]\d*\s+\d+$/;

/**
 * The lines of a current configuration that give the guest, or the author of the lines, something of the
 * host: programs that it runs, its files, directories and devices, its root. Lines that map ids count
 * together, as one cannot do without the others.
 * @throws `CONFIG_VALUE` for a mount point or a CD-ROM drive that cannot be read
 */
export function hostLines(config: GuestConfig): readonly GuestConfigLine[] {
  const { lines } = config.sections[0];
  const mapsRoot = lines.some((line) => isIdMap(line) && !MAPS_NO_ROOT.test(line.value));
  return lines.filter((line) => (isIdMap(line) ? mapsRoot : actsOnHost(line, config.type)));
}

function isIdMap(line: GuestConfigLine): line is Extract<GuestConfigLine, { kind: 'property' | 'raw' }> {
  return line.kind === 'raw' && line.key === 'lxc.idmap';
}

function actsOnHost(line: GuestConfigLine, type: GuestType): boolean {
  if (line.kind === 'raw')
    return !HARMLESS_RAW.some(([key, value]) => key.test(line.key) && value.test(line.value));
  if (line.kind !== 'property') return false;
  const { key, value } = line;
  if (type === 'qemu' && isDriveLike(key)) return isHostsCdrom(key, value);
  if (type === 'lxc' && isMountPointKey(key) && key !== 'rootfs') return isHostsMountPoint(key, value);
  const judge = JUDGES[type].find(([keys]) => keys.test(key))?.[1];
  return judge?.(value) ?? (NAMES_PATH.test(value) || NAMES_GUEST_VOLUME.test(value));
}

/** The host's drive, or one of its files. Disks are not: each gets a new volume, or is left out. */
function isHostsCdrom(key: string, value: string): boolean {
  const drive = parseDrive(key, value);
  return drive.volume === 'cdrom' || (isCdrom(drive) && drive.volume.startsWith('/'));
}

function isHostsMountPoint(key: string, value: string): boolean {
  const mountPoint = parseMountPoint(key, value);
  return mountPoint !== undefined && mountPoint.type !== 'volume';
}
