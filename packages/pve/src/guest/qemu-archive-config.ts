import { printableName } from '@vzdump-format/posix';
import { lineEnd } from '../syntax/config-lines.js';
import { type DriveMapEntry, formatDriveMapLine } from './drive-map.js';
import { withoutLines } from './edit-guest-config.js';
import {
  formatGuestConfig,
  type GuestConfig,
  type GuestConfigLine,
  type GuestConfigSection,
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

const LEFT_OUT: readonly (readonly [GuestConfigSection['kind'], string])[] = [
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
      ...LEFT_OUT.flatMap(([kind, message]) => (others.some((each) => each.kind === kind) ? [message] : [])),
    ],
  };
}

/** Lines that vzdump wrote into a configuration in former times, or that a restore would read as such. */
export function isDumpComment(line: GuestConfigLine): boolean {
  return line.kind === 'comment' && /^(?:vzdump|qmdump)#/.test(line.comment);
}

/** What neither goes into an archive nor is taken out of one. */
export function isTransient(line: GuestConfigLine): boolean {
  if (line.kind !== 'property') return isDumpComment(line);
  return line.key === 'lock' || line.key === 'parent' || isUnused(line);
}

function isUnused(line: GuestConfigLine): line is Extract<GuestConfigLine, { kind: 'property' | 'raw' }> {
  return line.kind === 'property' && /^unused\d+$/.test(line.key);
}
