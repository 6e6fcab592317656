import { splitLines, withoutLineEnd } from '../syntax/config-lines.js';

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
