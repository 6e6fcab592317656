import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  type ParseConfigOptions,
  parsePropertyString,
  splitLines,
  trimBlanks,
  warnOfLine,
} from '../config-syntax.js';

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

const OPERATIONS = ['default', 'restore', 'migration', 'clone', 'move'] as const;

export type BandwidthOperation = (typeof OPERATIONS)[number];

/** Limits in KiB/s by what they are for; 0 means that there is none. */
export type BandwidthLimits = ReadonlyMap<BandwidthOperation, number>;

/** The unit of every limit in options and configuration files. */
export const BANDWIDTH_UNIT = 1024;

/**
 * Reads the value of `bwlimit` in storage.cfg and datacenter.cfg: `default=10240,restore=51200`.
 * @throws `PROPERTY_STRING`
 */
export function parseBandwidthLimits(text: string): BandwidthLimits {
  const limits = new Map<BandwidthOperation, number>();
  for (const [key, value] of parsePropertyString(text)) {
    const operation = OPERATIONS.find((name) => name === key);
    if (operation === undefined) {
      throw malformed(
        `${key}: property is not defined in schema and the schema does not allow additional properties`,
      );
    }
    if (!/^\d+(?:\.\d+)?$/.test(value))
      throw malformed(`${key}: type check ('number') failed - got '${value}'`);
    limits.set(operation, Number(value));
  }
  return limits;
}

export interface RestoreBandwidthOptions {
  /** What the command line asks for, 0 included: it then counts alone. */
  readonly override?: number | undefined;
  /** Those of each storage that takes part, once each; `undefined` for a storage without any. */
  readonly storages: readonly (BandwidthLimits | undefined)[];
  /** Those of datacenter.cfg. */
  readonly datacenter?: BandwidthLimits | undefined;
}

/**
 * The limit for a restore in KiB/s; `undefined` when nobody set one, 0 when it was set to none. Where there
 * are several, the smallest counts; the datacenter's joins in when a storage has none of its own.
 *
 * A 0 after a positive limit counts as smaller, so a storage can lift another's limit; a positive one after
 * it counts again. So it is in Proxmox VE.
 *
 * Backups do not ask storages: their limit is the option `bwlimit` alone.
 */
export function restoreBandwidthLimit(options: RestoreBandwidthOptions): number | undefined {
  const { override, storages, datacenter } = options;
  if (override !== undefined) return override;
  const own = storages.map(limitForRestore);
  const asksAll = own.length === 0 || own.includes(undefined);
  const limits = asksAll ? [...own, limitForRestore(datacenter)] : own;
  return limits.reduce(smaller, undefined);
}

function smaller(result: number | undefined, limit: number | undefined): number | undefined {
  if (limit === undefined) return result;
  return result === undefined || result === 0 || limit < result ? limit : result;
}

function limitForRestore(limits: BandwidthLimits | undefined): number | undefined {
  return limits?.get('restore') ?? limits?.get('default');
}

function malformed(message: string): ArchiveError {
  return new ArchiveError('PROPERTY_STRING', message, {
    hint: `it is one or more of ${OPERATIONS.map((name) => `${name}=KIB_PER_SECOND`).join(', ')}`,
  });
}
