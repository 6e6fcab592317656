import {
  checkedRetention,
  type KeepRule,
  keepRules,
  parseRetention,
  type Retention,
} from '@vzdump-format/pve';
import { ArchiveError } from '@vzdump-format/streams';
import type { OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';
import { wholeNumber } from './options.js';

const DESCRIPTIONS: Readonly<Record<KeepRule, string>> = {
  last: 'keep the last N backups',
  hourly: 'keep the last backup of each of the last N hours that have any',
  daily: 'the same for days',
  weekly: 'the same for weeks, which begin on Monday',
  monthly: 'the same for months',
  yearly: 'the same for years',
};

/** For every command that decides what is kept. */
export const retentionOptions: readonly OptionSpec[] = [
  { flags: '--keep-all', description: 'keep all backups' },
  ...keepRules.map((rule) => ({
    flags: `--keep-${rule} <n>`,
    description: DESCRIPTIONS[rule],
    parse: (text: string) => wholeNumber(`--keep-${rule}`, text, 0),
  })),
  {
    flags: '--prune-backups <rules>',
    description: 'all of these in one, as in vzdump.conf: keep-last=3,keep-daily=7',
    parse: (text) => asUsage(() => parseRetention(text), '--prune-backups: '),
  },
];

export interface RetentionOptions {
  readonly keepAll?: boolean;
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly pruneBackups?: Retention;
}

/** What the options say is kept; nothing when they say nothing. @throws UsageError where they do not agree */
export function chosenRetention(options: RetentionOptions): Retention | undefined {
  const { keepAll, keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly } = options;
  const counts = {
    ...{ last: keepLast, hourly: keepHourly, daily: keepDaily },
    ...{ weekly: keepWeekly, monthly: keepMonthly, yearly: keepYearly },
  };
  const given = Object.entries(counts).filter(([, count]) => count !== undefined);
  const hasSingle = keepAll === true || given.length > 0;
  if (!hasSingle) return options.pruneBackups;
  if (options.pruneBackups !== undefined) {
    throw new UsageError('--prune-backups takes the place of the --keep options: give it, or them');
  }
  return asUsage(() => checkedRetention(Object.fromEntries(given), keepAll));
}

function asUsage<Result>(decide: () => Result, prefix = ''): Result {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new UsageError(prefix + error.message, error.hint);
  }
}
