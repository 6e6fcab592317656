import { type Backup, locateStore } from '@vzdump-format/stores';
import type { Command } from '../command.js';
import {
  backupsArgument,
  type CommonOptions,
  type GuestOptions,
  guestOptions,
  type PveRootOption,
  pveRootOption,
} from '../options/options.js';
import { printJson, printLines } from '../output/output.js';
import { formatBytes } from '../output/progress.js';
import { alignedTable, backupColumns, backupDocument, type Column, nameColumn } from '../output/table.js';

export const backups: Command<CommonOptions & GuestOptions & PveRootOption> = {
  name: 'backups',
  summary: 'list the backups in a directory or on a storage, with size, protection and notes',
  arguments: [backupsArgument],
  options: [...guestOptions, pveRootOption],
  examples: ['vzdump-format backups /var/lib/vz/dump', 'vzdump-format backups local --vmid 100'],

  async run([name], options, context) {
    const { store, storage } = await locateStore(name!, { ...options, ...context });
    const found = await store.list({ ...context, ...options });
    if (options.json)
      await printJson({
        directory: store.location,
        storage: storage?.id,
        backups: found.map(backupDocument),
      });
    else if (found.length > 0) await printLines(alignedTable(found, columns));
    else context.inform(`there are no backups in ${store.location}`);
  },
};

const columns: readonly Column<Backup>[] = [
  ...backupColumns,
  { heading: 'SIZE', text: ({ size }) => formatBytes(size), alignRight: true },
  { heading: 'STATE', text: stateOf },
  nameColumn,
  { heading: 'NOTES', text: ({ notes = '' }) => notes },
];

function stateOf({ name, isProtected }: Backup): string {
  const renamed = name.standard === undefined ? ['renamed'] : [];
  return [...(isProtected ? ['protected'] : []), ...renamed].join(', ');
}
