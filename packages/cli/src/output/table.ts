import { printableName } from '@vzdump-format/posix';

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
