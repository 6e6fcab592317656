import { ArchiveError } from '@vzdump-format/streams';
import { type KeepRule, keepRules, keepsAll, type Retention } from './retention.js';

const TRUE = /^(?:1|on|yes|true)$/i;
const FALSE = /^(?:0|off|no|false)$/i;

/**
 * Reads a value of `prune-backups`: `keep-last=3,keep-daily=7`. Keys are `keep-all` and `keep-` with each of
 * the rules; empty parts are passed over. What keeps nothing keeps all, with `keep-all=1` or without.
 * @throws `RETENTION` for what is no such value, or when `keep-all=1` has other rules beside it
 */
export function parseRetention(text: string): Retention {
  const values = new Map<string, string>();
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const [, key = '', value] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (value === undefined) throw wrong('value without key, but schema does not define a default key');
    if (key === '') throw wrong('missing key in comma-separated list property');
    if (values.has(key)) throw wrong(`duplicate key in comma-separated list property: ${key}`);
    values.set(key, value);
  }
  let keepAll = false;
  const retention: { [rule in KeepRule]?: number } = {};
  for (const [key, value] of values) {
    const rule = keepRules.find((name) => key === `keep-${name}`);
    if (rule !== undefined) retention[rule] = parseCount(key, value);
    else if (key === 'keep-all') keepAll = parseBoolean(key, value);
    else
      throw wrong(
        `${key}: property is not defined in schema and the schema does not allow additional properties`,
      );
  }
  return checkedRetention(retention, keepAll);
}

/**
 * Reads a value of `maxfiles`, which `prune-backups` has taken the place of: so many are kept, all for 0.
 * @throws `RETENTION`
 */
export function parseMaxFiles(text: string): Retention {
  return { last: parseCount('maxfiles', text) };
}

/** @throws `RETENTION` when all are to be kept and rules are given beside */
export function checkedRetention(retention: Retention, keepAll = false): Retention {
  if (!keepAll) return retention;
  if (!keepsAll(retention)) throw wrong('keep-all cannot be set together with other options.');
  return {};
}

/**
 * The value that `parseRetention` reads as the same retention; `keep-all=1` when all are kept. Rules in ABC
 * order.
 */
export function retentionString(retention: Retention, separator = ','): string {
  if (keepsAll(retention)) return 'keep-all=1';
  return keepRules
    .filter((rule) => (retention[rule] ?? 0) > 0)
    .map((rule) => `keep-${rule}=${retention[rule]}`)
    .sort()
    .join(separator);
}

function parseCount(key: string, value: string): number {
  if (!/^[+-]?\d+$/.test(value)) throw wrong(`${key}: type check ('integer') failed - got '${value}'`);
  const count = Number(value);
  if (count < 0) throw wrong(`${key}: value must have a minimum value of 0`);
  if (!Number.isSafeInteger(count)) throw wrong(`${key}: ${value} is too much`);
  return count;
}

function parseBoolean(key: string, value: string): boolean {
  if (!TRUE.test(value) && !FALSE.test(value)) {
    throw wrong(`${key}: type check ('boolean') failed - got '${value}'`);
  }
  return TRUE.test(value);
}

function wrong(message: string): ArchiveError {
  return new ArchiveError('RETENTION', message, {
    hint: `keep-all=1, or some of ${keepRules.map((rule) => `keep-${rule}=N`).join(', ')}`,
  });
}
