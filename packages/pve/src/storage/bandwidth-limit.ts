import { ArchiveError } from '@vzdump-format/streams';
import { parsePropertyString } from '../syntax/config-values.js';

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
