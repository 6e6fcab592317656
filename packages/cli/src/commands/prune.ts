import {
  checkedRetention,
  type KeepRule,
  keepRules,
  parseRetention,
  type Retention,
  retentionString,
  verdictReason,
} from '@vzdump-format/pve';
import {
  type Backup,
  locateStore,
  type PlannedBackup,
  type PrunedBackup,
  pruneBackups,
} from '@vzdump-format/stores';
import { ArchiveError } from '@vzdump-format/streams';
import type { Command, CommandContext, OptionSpec } from '../command.js';
import {
  backupsArgument,
  type CommonOptions,
  type GuestOptions,
  guestOptions,
  type PveRootOption,
  pveRootOption,
  wholeNumber,
} from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { printJson, printLines } from '../output/output.js';
import { formatBytes } from '../output/progress.js';
import { alignedTable, backupColumns, backupDocument, type Column, nameColumn } from '../output/table.js';

const KEEP_DESCRIPTIONS: Readonly<Record<KeepRule, string>> = {
  last: 'keep the last N backups',
  hourly: 'keep the last backup of each of the last N hours that have any',
  daily: 'the same for days',
  weekly: 'the same for weeks, which begin on Monday',
  monthly: 'the same for months',
  yearly: 'the same for years',
};

/** They say what is kept. */
const retentionOptions: readonly OptionSpec[] = [
  { flags: '--keep-all', description: 'keep all backups' },
  ...keepRules.map((rule) => ({
    flags: `--keep-${rule} <n>`,
    description: KEEP_DESCRIPTIONS[rule],
    parse: (text: string) => wholeNumber(`--keep-${rule}`, text, 0),
  })),
  {
    flags: '--prune-backups <rules>',
    description: 'all of these in one, as in vzdump.conf: keep-last=3,keep-daily=7',
    parse: (text) => asUsage(() => parseRetention(text), '--prune-backups: '),
  },
];

interface Options extends CommonOptions, GuestOptions, RetentionOptions, PveRootOption {
  readonly dryRun?: boolean;
}

export const prune: Command<Options> = {
  name: 'prune',
  summary:
    "remove the backups in a directory or on a storage that no rule keeps, with their logs, notes and indexes, each guest's by itself",
  arguments: [backupsArgument],
  options: [
    { flags: '--dry-run', description: 'say what would be removed, and why, and remove nothing' },
    ...retentionOptions,
    ...guestOptions,
    pveRootOption,
  ],
  examples: [
    'vzdump-format prune /var/lib/vz/dump --keep-last 3 --keep-daily 7 --dry-run',
    'vzdump-format prune /var/lib/vz/dump --prune-backups keep-last=3,keep-daily=7 --vmid 100',
    'vzdump-format prune local --dry-run',
  ],

  async run([name], options, context) {
    const { json, quiet, dryRun = false, type, vmid } = options;
    const chosen = chosenRetention(options);
    const { store, storage } = await locateStore(name!, { ...options, ...context });
    const retention = chosen ?? storage?.retention;
    if (retention === undefined) {
      throw new UsageError(
        'nothing says which backups to keep',
        'give --keep-last N and the like, or --keep-all',
      );
    }
    const failures: unknown[] = [];
    const pruned = await pruneBackups(store, {
      ...context,
      // With --json the last line on stderr is an error if there is one.
      onError: json ? (error) => failures.push(error) : context.onError,
      ...{ retention, dryRun, type, vmid },
      onPlan: async (plan) => {
        if (!json && !quiet && plan.length > 0) await printLines(alignedTable(plan, columns));
      },
      onRemove: ({ path }) => context.inform(`removing backup '${path}'`),
    });
    if (json) {
      const backups = pruned.map(decisionDocument);
      await printJson({
        directory: store.location,
        storage: storage?.id,
        dryRun,
        retention: retentionString(retention),
        backups,
      });
    }
    summarise(pruned, dryRun, context);
    for (const failure of failures) context.onError(failure);
  },
};

function ofBackup({ heading, text }: Column<Backup>): Column<PlannedBackup> {
  return { heading, text: ({ backup }) => text(backup) };
}

const columns: readonly Column<PlannedBackup>[] = [
  { heading: 'MARK', text: ({ verdict }) => verdict.mark },
  ...backupColumns.map(ofBackup),
  ofBackup(nameColumn),
  { heading: 'REASON', text: ({ verdict }) => verdictReason(verdict) },
];

function decisionDocument({ backup, verdict, removed }: PrunedBackup) {
  const rule = 'rule' in verdict ? verdict.rule : undefined;
  return { ...backupDocument(backup), mark: verdict.mark, rule, reason: verdictReason(verdict), removed };
}

function summarise(pruned: readonly PrunedBackup[], dryRun: boolean, context: CommandContext): void {
  const gone = pruned.filter(({ verdict, removed }) => (dryRun ? verdict.mark === 'remove' : removed));
  const bytes = gone.reduce((sum, { backup }) => sum + backup.size, 0);
  context.inform(
    `${dryRun ? 'would remove' : 'removed'} ${gone.length} of ${pruned.length} backups (${formatBytes(bytes)})`,
  );
}

interface RetentionOptions {
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
function chosenRetention(options: RetentionOptions): Retention | undefined {
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
