import { codecForFileName } from '@vzdump-format/codecs';
import { printableName } from '@vzdump-format/posix';
import type { Backup } from '@vzdump-format/stores';

export interface Column<Row> {
  readonly heading: string;
  readonly text: (row: Row) => string;
  /** As numbers are. */
  readonly alignRight?: boolean;
}

/**
 * Lines of rows under headings, in columns as wide as need be, without blanks behind. Cells are shown as
 * names in messages are: none is very long.
 */
export function alignedTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): readonly string[] {
  const cells = columns.map(({ heading, text }) => [heading, ...rows.map((row) => printableName(text(row)))]);
  const padded = cells.map((column, index) => {
    const width = column.reduce((widest, cell) => Math.max(widest, cell.length), 0);
    const alignRight = columns[index]!.alignRight ?? false;
    return column.map((cell) => (alignRight ? cell.padStart(width) : cell.padEnd(width)));
  });
  const lines = [undefined, ...rows].map((_, row) => padded.map((column) => column[row]).join('  '));
  return lines.map((line) => line.trimEnd());
}

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
