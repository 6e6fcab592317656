import { printableName } from '@vzdump-format/posix';
import { lineEnd, splitLines, withoutLineEnd } from '../config-syntax.js';
import {
  configValues,
  formatGuestConfig,
  type GuestConfig,
  type GuestConfigLine,
  type GuestConfigSection,
  guestDescription,
  parseGuestConfig,
  rawLxcLines,
  withDescription,
  withoutKeys,
  withoutLines,
} from './guest-config.js';

/** The name under which an archive keeps a virtual machine's configuration. */
export const QEMU_CONFIG_NAME = 'qemu-server.conf';
/** And its firewall's, where it has one. */
export const QEMU_FIREWALL_NAME = 'qemu-server.fw';

export interface ArchiveConfig {
  readonly text: string;
  /** For the log, one line each. */
  readonly messages: readonly string[];
}

const LEFT_OUT_SECTIONS: readonly (readonly [GuestConfigSection['kind'], string])[] = [
  ['special', 'special config section found (not included into backup)'],
  ['snapshot', 'snapshots found (not included into backup)'],
  ['pending', 'pending configuration changes found (not included into backup)'],
];

/**
 * The configuration that goes into a VMA archive: the current section as it stands, without unused volumes,
 * the lock and the snapshot it stems from, and then a line for each drive, in the order of the devices.
 */
export function qemuArchiveConfig(config: GuestConfig, map: readonly DriveMapEntry[]): ArchiveConfig {
  const [current, ...others] = config.sections;
  const unused = current.lines.flatMap((line) => (isUnused(line) ? [line.value] : []));
  const { sections } = withoutLines(config, isTransient);
  const kept = formatGuestConfig({ ...config, sections: [sections[0]] });
  const mapLines = map.map((entry) => `${formatDriveMapLine(entry)}\n`).join('');
  const separator = mapLines === '' || kept === '' || lineEnd(kept) !== '' ? '' : '\n';
  return {
    text: kept + separator + mapLines,
    messages: [
      ...unused.map((volume) => `skip unused drive '${printableName(volume)}' (not included into backup)`),
      ...LEFT_OUT_SECTIONS.flatMap(([kind, message]) =>
        others.some((each) => each.kind === kind) ? [message] : [],
      ),
    ],
  };
}

/** Lines that vzdump wrote into a configuration in former times, or that a restore would read as such. */
function isDumpComment(line: GuestConfigLine): boolean {
  return line.kind === 'comment' && /^(?:vzdump|qmdump)#/.test(line.comment);
}

/** Whether a line neither goes into an archive nor is taken out of one. */
export function isTransient(line: GuestConfigLine): boolean {
  if (line.kind !== 'property') return isDumpComment(line);
  return line.key === 'lock' || line.key === 'parent' || isUnused(line);
}

function isUnused(line: GuestConfigLine): line is Extract<GuestConfigLine, { kind: 'property' | 'raw' }> {
  return line.kind === 'property' && /^unused\d+$/.test(line.key);
}

/** Which drive is which device of an archive: a line of the configuration in it. */
export interface DriveMapEntry {
  /** `scsi0`. */
  readonly key: string;
  /** `drive-scsi0`. */
  readonly deviceName: string;
  /** The storage that it came from; empty for a path. */
  readonly storage: string;
  /** Of the image, `raw`; empty in old archives. */
  readonly format: string;
}

export const DRIVE_MAP_PREFIX = '#qmdump#map:';

/** `#qmdump#map:scsi0:drive-scsi0:local-lvm:raw:`, without a line feed. */
export function formatDriveMapLine(entry: DriveMapEntry): string {
  return `${DRIVE_MAP_PREFIX}${entry.key}:${entry.deviceName}:${entry.storage}:${entry.format}:`;
}

/** The map lines among a configuration's lines. One that lacks its last colon is none. */
export function parseDriveMap(text: string): readonly DriveMapEntry[] {
  return splitLines(text).flatMap((line) => parseDriveMapLine(line) ?? []);
}

function parseDriveMapLine(line: string): DriveMapEntry | undefined {
  const text = withoutLineEnd(line);
  if (!text.startsWith(DRIVE_MAP_PREFIX) || /\s/.test(text)) return undefined;
  const fields = text.slice(DRIVE_MAP_PREFIX.length).split(':');
  const [key = '', deviceName = '', storage = '', format = '', rest] = fields;
  if (fields.length !== 5 || rest !== '' || key === '' || deviceName === '') return undefined;
  return { key, deviceName, storage, format };
}

/** The names under which an archive keeps a container's configuration, and its firewall's. */
export const LXC_CONFIG_NAME = './etc/vzdump/pct.conf';
export const LXC_FIREWALL_NAME = './etc/vzdump/pct.fw';

const LEFT_OUT_KEYS: ReadonlySet<string> = new Set(['lock', 'parent']);

/**
 * The configuration that goes into a container's archive: flattened, without the lock and the snapshot it
 * stems from.
 */
export function lxcArchiveConfig(config: GuestConfig): string {
  return formatGuestConfig(withoutKeys(flattenedLxcConfig(config), (key) => LEFT_OUT_KEYS.has(key)));
}

/**
 * A container's current configuration as Proxmox VE itself writes it down: the description, each key once,
 * sorted, and then the lines for LXC. Blank lines, what is not understood, snapshots and pending changes are
 * not in it.
 */
export function flattenedLxcConfig(config: GuestConfig): GuestConfig {
  const values = [...configValues(config)].filter(([key]) => key !== 'description').sort(byKey);
  const lines = [...values, ...rawLxcLines(config)].map(([key, value]) => `${key}: ${value}\n`);
  return withDescription(parseGuestConfig(lines.join(''), 'lxc'), guestDescription(config) ?? '');
}

function byKey([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}
