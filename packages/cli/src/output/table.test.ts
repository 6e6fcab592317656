import { expect, test } from 'vitest';
import { alignedTable } from './table.js';

const columns = [
  { heading: 'NAME', text: ([name = '']: string[]) => name },
  { heading: 'SIZE', text: ([, size = '']: string[]) => size, alignRight: true },
  { heading: 'NOTES', text: ([, , notes = '']: string[]) => notes },
];

test('columns are as wide as they need to be, and lines end where their text does', () => {
  const rows = [
    ['a', '1 B', 'first'],
    ['a long name', '1.0 GiB', ''],
  ];
  expect(alignedTable(rows, columns)).toEqual([
    'NAME            SIZE  NOTES',
    'a                1 B  first',
    'a long name  1.0 GiB',
  ]);
});

test('a cell can neither begin a line nor fill every other with blanks', () => {
  const rows = [
    ['a\nb\x1b', '1 B', 'n'.repeat(10_000)],
    ['c', '2 B', '-'],
  ];
  const notes = `${'n'.repeat(120)}…`;
  expect(alignedTable(rows, columns).slice(1)).toEqual([
    `a\\x0ab\\x1b   1 B  ${notes}`,
    'c            2 B  -',
  ]);
});

test('without rows, the headings are left', () => {
  expect(alignedTable([], columns)).toEqual(['NAME  SIZE  NOTES']);
});
