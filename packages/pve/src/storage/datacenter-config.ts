import { printableName } from '@vzdump-format/posix';
import { type ParseConfigOptions, splitLines, trimBlanks, warnOfLine } from '../syntax/config-lines.js';
import { type BandwidthLimits, parseBandwidthLimits } from './bandwidth-limit.js';

/** What backups and restores use of datacenter.cfg. */
export interface DatacenterConfig {
  readonly bandwidthLimits: BandwidthLimits | undefined;
  /** What MAC addresses begin with, one to three octets: `BC:24:11`. */
  readonly macPrefix: string | undefined;
}

/**
 * Reads datacenter.cfg: lines `key: value`. Never fails: a value that cannot be read does not count, and is a
 * warning (`CONFIG_LINE`).
 */
export function parseDatacenterConfig(text: string, options: ParseConfigOptions = {}): DatacenterConfig {
  let bandwidthLimits: BandwidthLimits | undefined;
  let macPrefix: string | undefined;
  for (const [index, line] of splitLines(text).entries()) {
    const [, key = ''] = /^([a-z_-]+):/.exec(line) ?? [];
    const value = trimBlanks(line.slice(key.length + 1));
    try {
      if (key === 'bwlimit') bandwidthLimits = parseBandwidthLimits(value);
      else if (key === 'mac_prefix') macPrefix = checkedPrefix(value);
    } catch (error) {
      warnOfLine(`${key} does not count: ${(error as Error).message}`, index + 1, options);
    }
  }
  return { bandwidthLimits, macPrefix };
}

/** The first octet is even, as it is in the address of one host. */
function checkedPrefix(text: string): string {
  if (/^[0-9a-f][02468ace](?::[0-9a-f]{2}){0,2}:?$/i.test(text)) return text.replace(/:$/, '');
  throw new Error(`'${printableName(text)}' is not the beginning of a MAC address`);
}
