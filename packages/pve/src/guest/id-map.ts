import { printableName } from '@vzdump-format/posix';
import { badConfigValue, parseBoolean } from '../syntax/config-values.js';
import { configValue, type GuestConfig, rawLxcLines } from './guest-config.js';

/** A range of a container's user or group ids, and what the host has for them. */
export interface IdRange {
  readonly kind: 'u' | 'g';
  /** The first id in the container. */
  readonly container: number;
  /** The first id on the host. */
  readonly host: number;
  readonly count: number;
}

const UNPRIVILEGED: readonly IdRange[] = [
  { kind: 'u', container: 0, host: 100000, count: 65536 },
  { kind: 'g', container: 0, host: 100000, count: 65536 },
];

const MAX_ID = 0xffffffff;

/**
 * How a container's ids are mapped: by its `lxc.idmap` lines, else, when it is unprivileged, to 65536 ids
 * from 100000; not at all when this is empty. Archives hold the ids as the container sees them.
 * @throws `CONFIG_VALUE`
 */
export function idMap(config: GuestConfig): readonly IdRange[] {
  const lines = rawLxcLines(config).filter(([key]) => key === 'lxc.idmap');
  if (lines.length > 0) return lines.map(([, value]) => parseIdRange(value));
  return isUnprivileged(config) ? UNPRIVILEGED : [];
}

/** As `lxc-usernsexec -m` takes it: `u:0:100000:65536`. */
export function formatIdRange({ kind, container, host, count }: IdRange): string {
  return [kind, container, host, count].join(':');
}

/** Whether its ids are mapped by default. @throws `CONFIG_VALUE` */
export function isUnprivileged(config: GuestConfig): boolean {
  const text = configValue(config, 'unprivileged') ?? '0';
  const unprivileged = parseBoolean(text);
  if (unprivileged === undefined) {
    throw badConfigValue('unprivileged', `it is 1 or 0, not '${printableName(text)}'`);
  }
  return unprivileged;
}

/** `u 0 100000 65536` */
function parseIdRange(text: string): IdRange {
  const match = /^([ug])\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})$/.exec(text);
  const [, kind, ...numbers] = match ?? [];
  const [container = 0, host = 0, count = 0] = numbers.map(Number);
  if (match === null || count === 0 || Math.max(container, host) + count - 1 > MAX_ID) {
    throw badConfigValue('lxc.idmap', `'${printableName(text)}' is not 'u' or 'g' and three numbers`);
  }
  return { kind: kind as IdRange['kind'], container, host, count };
}
