import { codecForFileName } from '@vzdump-format/codecs';
import type { Backup } from '@vzdump-format/stores';
import type { Column } from './table.js';

/** The columns that begin every table of backups. */
export const backupColumns: readonly Column<Backup>[] = [
  { heading: 'GUEST', text: ({ name, vmid }) => `${name.type}/${vmid ?? '?'}` },
  { heading: 'TIME', text: ({ ctime }) => localTime(ctime) },
];

export const nameColumn: Column<Backup> = {
  heading: 'NAME',
  text: ({ name }) => name.fileName,
};

/** A backup as `--json` shows it. */
export function backupDocument({ path, name, vmid, ctime, size, notes, isProtected }: Backup) {
  return {
    ...{ path, name: name.fileName, standardName: name.standard !== undefined },
    ...{ type: name.type, vmid, ctime, size },
    ...{ format: name.format, codec: codecForFileName(name.fileName).name },
    ...{ protected: isProtected, notes },
  };
}

/** `2026-11-20 02:00:00`, in local time, as names tell it. */
function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const inUtc = Date.UTC(
    ...([date.getFullYear(), date.getMonth(), date.getDate()] as const),
    ...([date.getHours(), date.getMinutes(), date.getSeconds()] as const),
  );
  return new Date(inUtc).toISOString().slice(0, 19).replace('T', ' ');
}
