import { retentionString, verdictReason } from '@vzdump-format/pve';
import {
  type Backup,
  locateStore,
  type PlannedBackup,
  type PrunedBackup,
  pruneBackups,
} from '@vzdump-format/stores';
import type { Command, CommandContext } from '../command.js';
import {
  backupsArgument,
  type CommonOptions,
  type GuestOptions,
  guestOptions,
  type PveRootOption,
  pveRootOption,
} from '../options/options.js';
import { chosenRetention, type RetentionOptions, retentionOptions } from '../options/retention-options.js';
import { UsageError } from '../output/exit-status.js';
import { printJson, printLines } from '../output/output.js';
import { alignedTable, backupColumns, backupDocument, type Column, nameColumn } from '../output/table.js';
import { formatBytes } from '../output/units.js';

interface Options extends CommonOptions, GuestOptions, RetentionOptions, PveRootOption {
  readonly dryRun?: boolean;
}

export const prune: Command<Options> = {
  name: 'prune',
  summary:
    "remove the backups in a directory or on a storage that no rule keeps, with their logs and notes, each guest's by itself",
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
