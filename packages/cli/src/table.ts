export interface Column<Row> {
  readonly heading: string;
  readonly text: (row: Row) => string;
  /** As numbers are. */
  readonly alignRight?: boolean;
}

/** Rows under headings, in columns as wide as need be; each line ends in a line feed, without blanks before it. */
export function alignedTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = columns.map(({ heading, text }) => [heading, ...rows.map(text)]);
  const padded = cells.map((column, index) => {
    const width = column.reduce((widest, cell) => Math.max(widest, cell.length), 0);
    const alignRight = columns[index]!.alignRight ?? false;
    return column.map((cell) => (alignRight ? cell.padStart(width) : cell.padEnd(width)));
  });
  const lines = [undefined, ...rows].map((_, row) => padded.map((column) => column[row]).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}
