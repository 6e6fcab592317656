import { ArchiveError } from '@vzdump-format/streams';
import { dayNumber, type LocalTime, localTimeOf } from './backup-name.js';

/** The rules, in the order in which they are applied. */
export const keepRules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

export type KeepRule = (typeof keepRules)[number];

/**
 * How many backups each rule keeps. When that is none, all are kept: nothing is ever pruned without a rule.
 */
export type Retention = { readonly [rule in KeepRule]?: number };

/** What becomes of a backup, and why. */
export type Verdict =
  | Kept
  | Removed
  /** Its marker protects it; it counts for no rule. */
  | { readonly mark: 'protected' }
  /** Its name is not as vzdump makes them; it belongs to no group. */
  | { readonly mark: 'renamed' };

export type Kept =
  | { readonly mark: 'keep'; readonly rule: 'all' }
  /** The rule's `place`-th backup, of `count` that it may keep. */
  | { readonly mark: 'keep'; readonly rule: KeepRule; readonly place: number; readonly count: number };

export type Removed =
  /** `duplicate`: the rule keeps a newer one of the same period. */
  /** `covered`: when the rule's turn came, one of the same period was kept already. */
  | { readonly mark: 'remove'; readonly why: 'duplicate' | 'covered'; readonly rule: KeepRule }
  /** No rule had room for it. */
  | { readonly mark: 'remove'; readonly why: 'surplus' };

/** What a rule counts. */
const PERIODS: Readonly<Record<KeepRule, string>> = {
  last: 'second',
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  yearly: 'year',
};

/** A number for the period that a backup falls into: equal for equal periods, of local time. */
const PERIOD_OF: Readonly<Record<KeepRule, (time: LocalTime, ctime: number) => number>> = {
  last: (_time, ctime) => ctime,
  hourly: (time) => dayNumber(time) * 24 + time.hour, // at the end of summer time, an hour that comes twice is one
  daily: (time) => dayNumber(time),
  weekly: (time) => Math.floor((dayNumber(time) + 3) / 7), // ISO weeks begin on Monday, 1970 began on a Thursday
  monthly: ({ year, month }) => year * 12 + month,
  yearly: ({ year }) => year,
};

export interface RetentionEntry {
  /** Seconds since the epoch. */
  readonly ctime: number;
  readonly isProtected: boolean;
}

interface Candidate {
  readonly entry: RetentionEntry;
  readonly time: LocalTime;
  verdict?: Kept | Removed;
  /** The first rule that passed it over because its period had a backup. */
  coveredBy?: KeepRule;
}

/** Whether all backups are kept. */
export function keepsAll(retention: Retention): boolean {
  return keepRules.every((rule) => !isActive(retention, rule));
}

/**
 * Decides about the backups of one guest, as Proxmox does. Each rule in turn goes from the newest backup to
 * the oldest and keeps the newest of each period, until it has kept as many as it may. Periods which have a
 * backup that an earlier rule keeps are passed over and not counted; nor are those without a backup.
 * @returns a verdict for each, in the order given
 */
export function markGroup(group: readonly RetentionEntry[], retention: Retention): Verdict[] {
  if (keepsAll(retention)) {
    return group.map(({ isProtected }) =>
      isProtected ? { mark: 'protected' } : { mark: 'keep', rule: 'all' },
    );
  }
  const candidates = group.map((entry): Candidate => ({ entry, time: localTimeOf(entry.ctime) }));
  const newestFirst = candidates
    .filter(({ entry }) => !entry.isProtected)
    .sort((one, other) => other.entry.ctime - one.entry.ctime);
  for (const rule of keepRules) {
    if (isActive(retention, rule)) applyRule(rule, retention[rule]!, newestFirst);
  }
  return candidates.map(({ entry, verdict, coveredBy }): Verdict => {
    if (entry.isProtected) return { mark: 'protected' };
    if (verdict !== undefined) return verdict;
    if (coveredBy !== undefined) return { mark: 'remove', why: 'covered', rule: coveredBy };
    return { mark: 'remove', why: 'surplus' };
  });
}

function isActive(retention: Retention, rule: KeepRule): boolean {
  return (retention[rule] ?? 0) > 0;
}

function applyRule(rule: KeepRule, count: number, newestFirst: readonly Candidate[]): void {
  const periodOf = ({ entry, time }: Candidate) => PERIOD_OF[rule](time, entry.ctime);
  const covered = new Set(newestFirst.filter(({ verdict }) => verdict?.mark === 'keep').map(periodOf));
  const taken = new Set<number>();
  for (const candidate of newestFirst) {
    if (candidate.verdict !== undefined) continue;
    const period = periodOf(candidate);
    if (covered.has(period)) {
      candidate.coveredBy ??= rule;
    } else if (taken.has(period)) {
      candidate.verdict = { mark: 'remove', why: 'duplicate', rule };
    } else if (taken.size === count) {
      return;
    } else {
      taken.add(period);
      candidate.verdict = { mark: 'keep', rule, place: taken.size, count };
    }
  }
}

/** A verdict's reason, for people. */
export function verdictReason(verdict: Verdict): string {
  switch (verdict.mark) {
    case 'protected':
      return 'it is protected';
    case 'renamed':
      return 'its name is not as vzdump makes them';
    case 'keep':
      return verdict.rule === 'all'
        ? 'all are kept'
        : `keep-${verdict.rule}: ${verdict.place} of ${verdict.count}`;
    case 'remove':
      return removalReason(verdict);
  }
}

function removalReason(verdict: Removed): string {
  if (verdict.why === 'surplus') return 'no rule has room for it';
  const period = PERIODS[verdict.rule];
  return verdict.why === 'duplicate'
    ? `keep-${verdict.rule}: ${verdict.rule === 'last' ? 'another' : 'a newer'} backup of the same ${period} is kept`
    : `keep-${verdict.rule}: its ${period} has one that is kept already`;
}

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
 * The value that `parseRetention` reads as the same retention, its rules in alphabetical order; `keep-all=1`
 * when all are kept.
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
