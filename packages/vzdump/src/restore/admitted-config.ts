import { bytesToPath, printableName } from '@vzdump-format/posix';
import {
  type GuestConfig,
  type GuestConfigLine,
  type GuestType,
  hostLines,
  isMoreThanALine,
  isMountPointKey,
  parseGuestConfig,
  withoutKeys,
  withoutLineEnd,
  withoutLines,
} from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import { isRestricted, type RestoreJob } from './restore-job.js';

/** The configuration of an archive: its name there, and its content. */
export interface ArchivedConfig {
  readonly type: GuestType;
  readonly name: string;
  readonly data: Uint8Array;
}

/**
 * @throws `CONFIG_VALUE` for a line that holds NUL or a carriage return, which others may read as something
 * else
 */
export function parseArchivedConfig({ type, name, data }: ArchivedConfig, job: RestoreJob): GuestConfig {
  const config = parseGuestConfig(bytesToPath(data), type, { file: name, onWarning: job.options.onWarning });
  for (const line of config.sections[0].lines) {
    if (!isMoreThanALine(line, type)) continue;
    const message = `${name} holds a NUL or a carriage return: ${printableName(withoutLineEnd(line.text))}`;
    throw new ArchiveError('CONFIG_VALUE', message, {
      entry: name,
      hint: 'unpack takes the archive apart nevertheless',
    });
  }
  return config;
}

/**
 * What is taken of an archive's configuration: all of it, with each line told of that acts on the host;
 * without these where the archive is not trusted.
 * @param isReplaced whether the value of a key is not taken from the archive
 */
export function admittedConfig(
  archived: GuestConfig,
  isReplaced: (key: string) => boolean,
  { options: { untrusted = false }, tell }: RestoreJob,
): GuestConfig {
  const found = new Set(hostLines(withoutKeys(archived, isReplaced)).filter(isTaken));
  for (const line of found) {
    tell({ type: 'acts-on-host', line: withoutLineEnd(line.text), leftOut: untrusted });
  }
  return untrusted ? withoutLines(archived, (line) => found.has(line)) : archived;
}

/**
 * When someone other than root restores, lines for LXC and mount points are left out anyway, with a
 * warning.
 */
function isTaken(line: GuestConfigLine): boolean {
  const isRootsAlone = line.kind === 'raw' || (line.kind === 'property' && isMountPointKey(line.key));
  return !(isRestricted() && isRootsAlone);
}
